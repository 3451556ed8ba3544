# Records logistic regression: glm(binomial) with confint.default, and with the exact roots of its profile likelihood
# (MASS::confint interpolates them by a spline; its limits are within 1e-3 of the roots, which is asserted here); and
# logistf with its convergence tightened.
# Run: Rscript tests/reference/record_logistic.R  (writes src/chartline/verify/reference/logistic.json)
suppressMessages({library(MASS); library(logistf); library(jsonlite)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
verify <- file.path(here, "..", "..", "src", "chartline", "verify")
each <- function(x) I(ifelse(is.na(x), "NA", sprintf("%.17g", unname(x))))
full <- function(x) ifelse(is.na(x), "NA", sprintf("%.17g", unname(x)))
ship <- function(name) {
  d <- read.csv(file.path(verify, "data", paste0(name, ".csv")), comment.char = "#")
  d$risk <- factor(d$risk); d$one <- 1; d
}
cases <- list()
add <- function(case) cases[[length(cases) + 1]] <<- case
control <- glm.control(epsilon = 1e-15, maxit = 100)
fit <- function(x, y, n, offset = rep(0, length(y))) glm.fit(x, y, weights = n, family = binomial(), offset = offset, control = control)
root <- function(x, y, n, k, side, level) {
  f <- fit(x, y, n); b <- coef(f)[k]; q <- qchisq(level, 1)
  v <- solve(t(x) %*% (x * f$weights)); far <- b + side * sqrt(v[k, k])
  over <- function(b) fit(x[, -k, drop = FALSE], y, n, x[, k] * b)$deviance - f$deviance - q
  while (over(far) < 0) far <- far + side * sqrt(v[k, k])
  uniroot(over, sort(c(b, far)), tol = 1e-13)$root
}
one <- function(id, data, d, y, covariates, count = "one", level = 0.95) {
  formula <- reformulate(covariates, y); n <- d[[count]]; x <- model.matrix(formula, d); d$.n <- n
  arguments <- list(outcome = y, covariates = as.list(covariates), level = level)
  if (count != "one") arguments$count <- count
  g <- glm(formula, binomial, d, weights = .n, control = control)
  s <- summary(g)$coefficients; w <- confint.default(g, level = level); lr <- g$null.deviance - g$deviance
  df <- g$df.null - g$df.residual
  whole <- list(loglik = full(-g$deviance / 2), deviance = full(g$deviance), null_deviance = full(g$null.deviance),
                global_chisq = full(lr), global_p = full(pchisq(lr, df, lower.tail = FALSE)))
  add(list(id = paste(id, "wald"), statistic = "logistic", data = data, arguments = c(arguments, interval = "wald"),
           expected = c(list(coef = each(s[, 1]), se = each(s[, 2]), lower = each(w[, 1]), upper = each(w[, 2]),
                             chisq = each(s[, 3]^2), p = each(s[, 4])), whole)))
  k <- ncol(x); ends <- sapply(1:k, function(j) sapply(c(-1, 1), function(side) root(x, d[[y]], n, j, side, level)))
  m <- suppressMessages(confint(g, level = level)); stopifnot(max(abs(t(ends) - m)) < 5e-3)
  chisq <- sapply(1:k, function(j) fit(x[, -j, drop = FALSE], d[[y]], n)$deviance - g$deviance)
  add(list(id = paste(id, "profile"), statistic = "logistic", data = data, arguments = c(arguments, interval = "profile"),
           expected = list(lower = each(ends[1, ]), upper = each(ends[2, ]), chisq = each(chisq),
                           p = each(pchisq(chisq, 1, lower.tail = FALSE)))))
}
firth <- function(id, data, d, y, covariates, count = "one", level = 0.95) {
  d$.n <- d[[count]]; arguments <- list(outcome = y, covariates = as.list(covariates), level = level)
  if (count != "one") arguments$count <- count
  tight <- logistf.control(lconv = 1e-14, gconv = 1e-13, xconv = 1e-14, maxit = 10000)
  f <- logistf(reformulate(covariates, y), d, alpha = 1 - level, weights = .n, control = tight,
               plcontrol = logistpl.control(lconv = 1e-13, xconv = 1e-13, maxit = 10000))
  k <- length(coef(f))   # logistf gives 1 - pchisq, without digits where it is small: chi-square from the fits without
  without <- function(j) logistf(reformulate(covariates, y), d, weights = .n, control = tight, pl = FALSE,
                                 modcontrol = logistf.mod.control(terms.fit = setdiff(1:k, j)))$loglik["full"]
  chisq <- 2 * (f$loglik["full"] - sapply(1:k, without))
  stopifnot(max(abs(pchisq(chisq, 1, lower.tail = FALSE) - f$prob)) < 1e-9)
  lr <- 2 * (f$loglik["full"] - f$loglik["null"])
  add(list(id = paste("logistf:", id), statistic = "firth_logistic", data = data, arguments = arguments,
           expected = list(coef = each(coef(f)), se = each(sqrt(diag(f$var))), lower = each(f$ci.lower), upper = each(f$ci.upper),
                           chisq = each(chisq), p = each(pchisq(chisq, 1, lower.tail = FALSE)), loglik = full(f$loglik["full"]), loglik_null = full(f$loglik["null"]),
                           global_chisq = full(lr), global_p = full(pchisq(lr, f$df, lower.tail = FALSE)))))
}
# Hosmer and Lemeshow's kind of table: outcome by two factors, as counts
table <- list(y = rep(c(1, 0), each = 4), a = rep(c(0, 1, 0, 1), 2), b = rep(c(0, 0, 1, 1), 2), n = c(12, 5, 9, 3, 4, 11, 6, 14))
# every patient with x had the outcome (quasi-complete), and x splits the outcome (complete)
quasi <- list(y = c(1, 1, 1, 0, 0, 1, 0, 0), x = c(1, 1, 1, 0, 0, 0, 0, 0), age = c(41, 60, 55, 47, 66, 39, 50, 58))
split <- list(y = c(1, 1, 1, 0, 0, 0), x = c(4, 5, 7, 1, 2, 3))
none <- list(y = c(0, 0, 0, 0, 0), x = c(1, 2, 3, 4, 7))
for (f in list(one, firth)) {
  f("small", "small", ship("small"), "response", c("arm", "age", "risk"))
  f("tied, 90 %", "tied", ship("tied"), "response", c("arm", "wbc"), level = 0.9)
  f("cohort", "cohort", ship("cohort"), "response", c("arm", "age", "centre"))
  f("counts", table, as.data.frame(table), "y", c("a", "b"), count = "n")
}
firth("quasi-complete separation", quasi, transform(as.data.frame(quasi), one = 1), "y", c("x", "age"))
firth("complete separation", split, transform(as.data.frame(split), one = 1), "y", "x")
firth("no outcome at all", none, transform(as.data.frame(none), one = 1), "y", "x")
versions <- lapply(c(MASS = "MASS", logistf = "logistf"), function(p) as.character(packageVersion(p)))
write_json(list(program = R.version.string, packages = versions, script = "tests/reference/record_logistic.R", cases = cases),
           file.path(verify, "reference", "logistic.json"), auto_unbox = TRUE, digits = NA, pretty = 1)
