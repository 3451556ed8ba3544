# Records Firth's penalised Cox regression, twice over.
#  1. coxphf with its convergence tightened. It takes neither strata nor Efron's ties nor counts, and where it stops its
#     own modified score is still about 1e-8, so that its estimates are good to 7 digits (`why`); its limits are better.
#  2. The penalised likelihood written out, one risk set after another, its maximum by optim and Newton with numDeriv's
#     derivatives, its profile limits by uniroot over such maxima: everything else, to 8 digits.
# Run: Rscript tests/reference/record_firth_cox.R  (writes src/chartline/verify/reference/firth_cox.json)
suppressMessages({library(survival); library(coxphf); library(numDeriv); library(jsonlite)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
verify <- file.path(here, "..", "..", "src", "chartline", "verify")
full <- function(x) ifelse(is.na(x), "NA", ifelse(is.infinite(x), as.character(x), sprintf("%.17g", x)))
each <- function(x) I(full(unname(x)))   # a list, whatever its length
ship <- function(name) read.csv(file.path(verify, "data", paste0(name, ".csv")), comment.char = "#")

# log partial likelihood plus half the log determinant of its information
penalised <- function(b, x, entry, time, event, stratum, count, ties) {
  w <- exp(drop(x %*% b)); value <- 0; information <- matrix(0, length(b), length(b))
  for (g in unique(stratum)) for (t in sort(unique(time[event == 1 & stratum == g]))) {
    risk <- stratum == g & time >= t & (entry < t | entry == 0)
    dies <- risk & event == 1 & time == t
    d <- sum(count[dies]); value <- value + sum(count[dies] * log(w[dies]))
    shares <- if (ties == "efron") (seq_len(d) - 1) / d else rep(0, d)
    for (share in shares) {
      p <- count * w * (risk - share * dies); s <- sum(p); p <- p / s
      mean <- colSums(p * x); centred <- sweep(x, 2, mean)
      value <- value - log(s); information <- information + t(centred) %*% (p * centred)
    }
  }
  list(value = value + determinant(information)$modulus[1] / 2, information = information)
}
fit <- function(x, entry, time, event, stratum, count, ties, level, start = rep(0, ncol(x))) {
  k <- ncol(x); scale <- apply(x, 2, function(c) sqrt(mean((c - mean(c))^2))); z <- sweep(x, 2, scale, "/")
  l <- function(b) penalised(b, z, entry, time, event, stratum, count, ties)$value
  wide <- list(eps = 0.05, zero.tol = Inf, d = 1e-4, r = 6)   # steps wide enough that rounding does not count
  climb <- function(l, from) {   # Newton with Richardson's derivatives
    b <- from
    for (i in 1:60) {
      step <- solve(hessian(l, b, method.args = list(d = 1e-2, eps = 1e-2)), grad(l, b, method.args = wide))
      b <- b - step * min(1, 1 / max(abs(step))); if (max(abs(step)) < 1e-8) return(b)
    }
    stop("no maximum")
  }
  warm <- function(l, from) climb(l, optim(from, function(b) -l(b), method = "BFGS", control = list(reltol = 1e-8))$par)
  top <- warm(l, rep(0, k))
  at <- penalised(top, z, entry, time, event, stratum, count, ties); v <- solve(at$information); se <- sqrt(diag(v))
  q <- qchisq(level, 1); lower <- upper <- chisq <- numeric(k)
  near <- vector("list", k)   # where the last maximum over the others was
  rest <- function(i, bi) {
    if (k == 1) return(bi)
    put <- function(o) append(o, bi, i - 1); over <- function(o) l(put(o))
    from <- if (is.null(near[[i]])) top[-i] else near[[i]]
    near[[i]] <<- tryCatch(climb(over, from), error = function(e) warm(over, top[-i]))
    put(near[[i]])
  }
  limit <- function(i, side) {
    far <- top[i] + side * sqrt(q) * se[i]
    while (2 * (at$value - l(rest(i, far))) < q) far <- far + side * se[i]
    uniroot(function(bi) 2 * (at$value - l(rest(i, bi))) - q, sort(c(top[i], far)), tol = 1e-13)$root
  }
  for (i in 1:k) {
    lower[i] <- limit(i, -1); upper[i] <- limit(i, 1); chisq[i] <- 2 * (at$value - l(rest(i, 0)))
  }
  own <- function(b) penalised(b, x, entry, time, event, stratum, count, ties)$value
  global <- 2 * (own(top / scale) - own(rep(0, k)))
  list(coef = each(top / scale), se = each(se / scale), lower = each(lower / scale), upper = each(upper / scale),
       chisq = each(chisq), p = each(pchisq(chisq, 1, lower.tail = FALSE)), loglik = full(own(top / scale)),
       loglik_null = full(own(rep(0, k))), global_chisq = full(global),
       global_p = full(pchisq(global, k, lower.tail = FALSE)))
}
cases <- list()
add <- function(case) cases[[length(cases) + 1]] <<- case
one <- function(id, data, d, time, event, covariates, entry = NULL, strata = NULL, count = NULL, ties = "breslow",
                level = 0.95, cause = NULL) {
  x <- model.matrix(reformulate(covariates), d)[, -1, drop = FALSE]
  e <- if (is.null(cause)) as.numeric(d[[event]] > 0) else as.numeric(d[[event]] == cause)
  expected <- fit(x, if (is.null(entry)) rep(0, nrow(d)) else d[[entry]], d[[time]], e,
                  if (is.null(strata)) rep("", nrow(d)) else d[[strata]],
                  if (is.null(count)) rep(1, nrow(d)) else d[[count]], ties, level)
  arguments <- list(time = time, event = event, covariates = as.list(covariates), entry = entry, strata = strata,
                    count = count, ties = ties, level = level, cause = cause)
  add(list(id = id, statistic = "firth_cox", data = data, arguments = arguments[!sapply(arguments, is.null)],
           expected = expected, source = paste0(R.version.string, " (likelihood written out; numDeriv)")))
}
coxphf_of <- function(id, data, d, formula, arguments) {
  f <- suppressWarnings(coxphf(formula, d, maxit = 3000, epsilon = 1e-12, gconv = 1e-11, maxhs = 50))
  loose <- coxphf(formula, d, maxit = 200)   # the tests converge only here
  short <- if (id == "coxphf: tied") list(digits = 7, why = "coxphf stops where its modified score is about 1e-8, not 0")
  add(c(list(id = id, statistic = "firth_cox", data = data, arguments = arguments), short, list(
           expected = list(coef = each(coef(f)), se = each(sqrt(diag(f$var))),
                           lower = each(log(f$ci.lower)), upper = each(log(f$ci.upper)),
                           p = each(loose$prob), global_chisq = full(2 * diff(f$loglik))))))
}
cohort <- ship("cohort"); tied <- ship("tied"); small <- ship("small"); freireich <- ship("freireich")
freireich$arm <- factor(freireich$arm, c("6-MP", "placebo"))
risk <- c("high", "low", "mid")
for (n in c("cohort", "tied", "small")) { d <- ship(n); d$risk <- factor(d$risk, risk); assign(n, d) }

two <- list(time = c(1, 2), event = c(1, 1), x = c(1, 0))
one("two subjects", two, as.data.frame(two), "time", "event", "x")
one("two subjects, 80 %", two, as.data.frame(two), "time", "event", "x", level = 0.8)
# no events at all where x is 1: the ordinary likelihood is monotone
none <- list(time = c(3, 5, 8, 9, 12, 12, 14, 20, 21, 25), event = c(1, 1, 0, 1, 0, 0, 1, 0, 0, 0),
             x = c(0, 0, 1, 0, 1, 1, 0, 0, 1, 1), age = c(50, 61, 33, 47, 70, 42, 66, 38, 59, 45))
one("no events in a group", none, as.data.frame(none), "time", "event", c("x", "age"))
one("no events in a group, Efron, no ties", none, as.data.frame(none), "time", "event", c("x", "age"), ties = "efron")
counted <- list(entry = c(0, 0, 2, 0, 2, 0), time = c(2, 4, 4, 6, 6, 9), event = c(1, 1, 0, 1, 1, 0),
                x = c(1, 0, 0, 1, 0, 1), n = c(2, 3, 4, 1, 2, 5))
for (ties in c("breslow", "efron"))
  one(paste("counts, late entry and ties,", ties), counted, as.data.frame(counted), "time", "event", "x", "entry",
      count = "n", ties = ties)
for (ties in c("breslow", "efron")) one(paste("freireich", ties), "freireich", freireich, "weeks", "relapse", "arm", ties = ties)
one("freireich by pair", "freireich", freireich, "weeks", "relapse", "arm", strata = "pair")
one("small, late entry", "small", small, "time", "status", c("arm", "age"), "entry")
one("small, relapse, 90 %", "small", small, "time", "status", c("arm", "risk"), "entry", level = 0.9, cause = 1)
for (ties in c("breslow", "efron")) one(paste("tied by centre,", ties), "tied", tied, "time", "status", c("arm", "risk"), "entry", "centre", ties = ties)
one("cohort by centre", "cohort", cohort, "time", "status", c("arm", "age"), "entry", "centre")

coxphf_of("coxphf: no events in a group", none, as.data.frame(none), Surv(time, event) ~ x + age,
          list(time = "time", event = "event", covariates = list("x", "age")))
coxphf_of("coxphf: small, late entry", "small", transform(small, any = as.numeric(status > 0)), Surv(entry, time, any) ~ arm + age,
          list(time = "time", event = "status", covariates = list("arm", "age"), entry = "entry"))
coxphf_of("coxphf: tied", "tied", transform(tied, any = as.numeric(status > 0)), Surv(time, any) ~ arm + age + risk,
          list(time = "time", event = "status", covariates = list("arm", "age", "risk")))
coxphf_of("coxphf: freireich", "freireich", freireich, Surv(weeks, relapse) ~ arm,
          list(time = "weeks", event = "relapse", covariates = list("arm")))
versions <- lapply(c(coxphf = "coxphf", survival = "survival", numDeriv = "numDeriv"),
                   function(p) as.character(packageVersion(p)))
write_json(list(program = R.version.string, packages = versions, script = "tests/reference/record_firth_cox.R", cases = cases),
           file.path(verify, "reference", "firth_cox.json"), auto_unbox = TRUE, digits = NA, pretty = 1)
