# Records Cox models: fits, proportional-hazards tests, residuals, predicted curves, concordance, natural splines.
# coxph's convergence is tightened; subjects that are counted several times are repeated rows. Transplantation as a
# time-dependent covariate comes from tmerge.
# Run: Rscript tests/reference/record_cox.R  (writes src/chartline/verify/reference/cox.json)
suppressMessages({library(survival); library(splines); library(jsonlite)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
verify <- file.path(here, "..", "..", "src", "chartline", "verify")
each <- function(x) I(ifelse(is.na(as.vector(x)), "NA", sprintf("%.17g", as.vector(x))))
full <- function(x) ifelse(is.na(x), "NA", sprintf("%.17g", unname(x)))
tight <- suppressWarnings(coxph.control(eps = 1e-14, iter.max = 100, toler.inf = 1e-20))
cases <- list()
add <- function(id, statistic, data, a, expected) {
  cases[[length(cases) + 1]] <<- list(id = id, statistic = statistic, data = data, arguments = a, expected = expected)
}

ship <- function(name, a) {
  d <- read.csv(file.path(verify, "data", paste0(name, ".csv")), comment.char = "#")
  for (v in intersect(c("arm", "risk"), names(d))) d[[v]] <- factor(d[[v]])
  for (v in names(a$reference)) d[[v]] <- relevel(d[[v]], a$reference[[v]])
  d$.e <- if (is.null(a$cause)) as.numeric(d[[a$event]] > 0) else as.numeric(d[[a$event]] == a$cause)
  d$.t <- d[[a$time]]; d$.s <- if (is.null(a$entry)) rep(0, nrow(d)) else d[[a$entry]]
  if (!is.null(a$count)) d <- d[rep(seq_len(nrow(d)), 1 + d[[a$count]]), ]
  if (!is.null(a$change)) {   # a row for the time before and one for the time after the change
    d$.id <- seq_len(nrow(d)); d$.last <- d$.t; d$.died <- d$.e; d$.moved <- d[[a$change]]; d$.begin <- d$.s; d$.s <- d$.t <- NULL
    d <- tmerge(d, d, id = .id, event = event(.last, .died), changed = tdc(.moved), options = list(tstartname = ".s", tstopname = ".t"), tstart = .begin, tstop = .last)
    d$.e <- d$event
  }
  d
}
fitted <- function(d, a, robust = FALSE) {
  terms <- c(sapply(a$covariates, function(v) if (is.null(a$spline[[v]])) v else sprintf("ns(%s, df = %d)", v, a$spline[[v]])),
             if (!is.null(a$strata)) sprintf("strata(%s)", a$strata))
  left <- if (is.null(a$entry) && is.null(a$change)) "Surv(.t, .e)" else "Surv(.s, .t, .e)"
  f <- as.formula(paste(left, "~", paste(terms, collapse = "+")))
  environment(f) <- environment(); ties <- if (is.null(a$ties)) "efron" else a$ties
  call <- list(f, data = d, ties = ties, control = tight, x = TRUE, y = TRUE)
  if (isTRUE(a$robust)) call$cluster <- seq_len(nrow(d))
  if (!is.null(a$cluster)) call$cluster <- d[[a$cluster]]
  suppressWarnings(do.call(coxph, call))
}
wald <- function(f) drop(coef(f) %*% solve(f$var, coef(f), tol = 0))
tests <- function(f, s) list(lr = each(s$logtest[c("test", "df", "pvalue")]),
                             wald = each(c(wald(f), s$waldtest["df"], pchisq(wald(f), s$waldtest["df"], lower.tail = FALSE))),
                             score = each(c(f$score, s$sctest["df"], pchisq(f$score, s$sctest["df"], lower.tail = FALSE))))
cox <- function(id, data, a) {
  d <- ship(data, a); f <- fitted(d, a); s <- summary(f)
  se <- sqrt(diag(f$var)); z <- coef(f) / se
  add(id, "cox", data, a, c(list(
    coef = each(coef(f)), se = each(se), hazard_ratio = each(exp(coef(f))), z = each(z), p = each(2 * pnorm(-abs(z))),
    lower = each(exp(coef(f) - qnorm(0.975) * se)), upper = each(exp(coef(f) + qnorm(0.975) * se)),
    naive_se = each(sqrt(diag(if (is.null(f$naive.var)) f$var else f$naive.var))),
    loglik = each(f$loglik), events = full(f$nevent), n = full(f$n)), tests(f, s)))
}
arms <- list(event = "status", time = "time", entry = "entry", covariates = list("arm", "risk", "age"), reference = list(risk = "low"))
with <- function(a, ...) { new <- list(...); for (n in names(new)) a[[n]] <- new[[n]]; a }
more <- with(arms, covariates = list("arm", "risk", "age", "wbc"))
for (ties in c("efron", "breslow")) {
  for (data in c("cohort", "tied")) {
    cox(paste(data, ties), data, with(arms, ties = ties))
    cox(paste(data, ties, "by centre"), data, with(arms, ties = ties, strata = "centre"))
    cox(paste(data, ties, "relapse, no late entry"), data, with(arms, ties = ties, cause = 1, entry = NULL))
    cox(paste(data, ties, "death"), data, with(more, ties = ties, cause = 2))
    cox(paste(data, ties, "rows counted up to twice"), data, with(arms, ties = ties, count = "response"))
    cox(paste(data, ties, "robust"), data, with(arms, ties = ties, robust = TRUE))
    cox(paste(data, ties, "by risk, clustered by centre"), data, with(arms, ties = ties, covariates = list("arm", "age"), cluster = "centre", strata = "risk"))
    cox(paste(data, ties, "transplantation"), data, with(arms, ties = ties, change = "transplant", covariates = list("changed", "age", "arm"), entry = NULL))
    cox(paste(data, ties, "transplantation, late entry, clustered"), data, with(arms, ties = ties, change = "transplant", covariates = list("changed", "age"), cluster = "centre"))
  }
  cox(paste("small", ties), "small", list(event = "status", time = "time", covariates = list("arm", "age"), ties = ties))
}
freireich <- list(event = "relapse", time = "weeks", covariates = list("arm"), reference = list(arm = "placebo"))
for (ties in c("efron", "breslow", "exact")) {
  cox(paste("freireich", ties), "freireich", with(freireich, ties = ties))
  cox(paste("freireich by pair", ties), "freireich", with(freireich, ties = ties, strata = "pair"))
}
cox("tied exact", "tied", with(arms, ties = "exact", entry = NULL, cause = 1))
cox("tied exact by centre", "tied", with(arms, ties = "exact", entry = NULL, strata = "centre"))
cox("tied exact, rows counted up to twice", "tied", with(arms, ties = "exact", entry = NULL, cause = 2, count = "response"))

proportional <- function(id, data, a, transform, by_term = TRUE) {
  f <- fitted(ship(data, a), a); z <- cox.zph(f, transform, terms = by_term)$table; n <- nrow(z)
  add(paste(id, transform), "proportional_hazards", data, c(a, list(transform = transform, by_term = by_term)),
      list(chisq = each(z[-n, 1]), df = each(z[-n, 2]), p = each(z[-n, 3]), overall = each(z[n, ])))
}
for (transform in c("km", "rank", "identity", "log")) {
  proportional("cohort", "cohort", arms, transform)
  proportional("cohort by centre, breslow", "cohort", with(arms, strata = "centre", ties = "breslow"), transform)
  proportional("tied relapse", "tied", with(arms, entry = NULL, cause = 1), transform, FALSE)
  proportional("freireich", "freireich", freireich, transform)
}
proportional("cohort, age as a spline", "cohort", with(arms, spline = list(age = 3)), "km")
proportional("cohort, rows counted up to twice", "cohort", with(arms, count = "response"), "identity")

residual <- function(id, data, a) {
  d <- ship(data, a); f <- fitted(d, a); r <- function(type) t(as.matrix(residuals(f, type)))
  add(id, "cox_residuals", data, a, list(martingale = each(residuals(f, "martingale")), deviance = each(residuals(f, "deviance")),
                                         score = each(r("score")), dfbeta = each(r("dfbeta"))))
  at <- order(if (is.null(a$strata)) rep(1, nrow(d)) else d[[a$strata]], d$.t, seq_len(nrow(d))); at <- at[d$.e[at] == 1]
  s <- residuals(f, "schoenfeld"); b <- residuals(f, "scaledsch")
  add(id, "schoenfeld_residuals", data, a, list(time = each(d$.t[at]), sums = each(colSums(as.matrix(s)^2)), scaled_sums = each(colSums(as.matrix(b)^2)),
      first = each(t(as.matrix(s))[, 1]), scaled_first = each(t(as.matrix(b))[, 1]), last = each(t(as.matrix(s))[, length(at)])))
}
for (ties in c("efron", "breslow")) {
  residual(paste("small", ties), "small", list(event = "status", time = "time", entry = "entry", covariates = list("arm", "age"), ties = ties))
  residual(paste("tied", ties), "tied", with(arms, ties = ties, covariates = list("arm")))
  residual(paste("tied by risk", ties), "tied", with(arms, ties = ties, covariates = list("age"), strata = "risk", reference = NULL))
}

curve <- function(id, data, a, at, interval) {
  d <- ship(data, a); f <- fitted(d, a); one <- as.data.frame(at$frame)
  s <- survfit(f, newdata = one, conf.type = interval); k <- s$n.event > 0
  a$at <- at$columns; a$interval <- interval
  add(paste(id, interval), "cox_curve", data, a, list(times = each(s$time[k]), cumulative_hazard = each(s$cumhaz[k]), std_error = each(s$std.err[k]),
      survival = each(s$surv[k]), lower = each(s$lower[k]), upper = each(s$upper[k])))
}
patient <- list(frame = list(arm = "B", risk = "mid", age = 60), columns = list("arm=B" = 1, "risk=mid" = 1, age = 60))
for (interval in c("log", "log-log", "plain")) for (ties in c("efron", "breslow")) {
  curve(paste("tied", ties), "tied", with(arms, ties = ties), patient, interval)
  curve(paste("small", ties), "small", list(event = "status", time = "time", covariates = list("age"), ties = ties), list(frame = list(age = 50), columns = list(age = 50)), interval)
}
curve("tied by centre, robust", "tied", with(arms, strata = "centre", robust = TRUE), patient, "log")

agreement <- function(id, data, a) {
  d <- ship(data, a); f <- fitted(d, a)
  k <- if (is.null(a$cluster)) concordance(f) else concordance(f, cluster = d[[a$cluster]])
  n <- if (is.matrix(k$count)) colSums(k$count) else k$count
  add(id, "concordance", data, a, list(concordance = full(k$concordance), std_error = full(sqrt(k$var)), pairs = each(n)))
}
for (data in c("cohort", "tied", "small")) {
  b <- if (data == "small") list(event = "status", time = "time", entry = "entry", covariates = list("arm")) else arms
  agreement(data, data, b)
  agreement(paste(data, "relapse"), data, with(b, cause = 1, entry = NULL))
  agreement(paste(data, "clustered"), data, with(b, cluster = "centre"))
  agreement(paste(data, "transplantation"), data, with(b, change = "transplant", covariates = list("changed", "age")))
  if (data != "small") agreement(paste(data, "by centre"), data, with(b, strata = "centre"))
}
agreement("freireich", "freireich", freireich)

spline <- function(data, variable, df, at) {
  d <- read.csv(file.path(verify, "data", paste0(data, ".csv")), comment.char = "#"); b <- ns(d[[variable]], df = df)
  add(paste(data, variable, df), "natural_spline", data, list(variable = variable, df = df, at = at),
      list(knots = each(attr(b, "knots")), boundary = each(attr(b, "Boundary.knots")), sums = each(colSums(b^2)), first = each(b[1, ]), basis = each(t(predict(b, at)))))
}
for (df in 1:5) { spline("cohort", "age", df, c(10, 18.5, 40, 55.5, 78, 95)); spline("small", "wbc", df, c(0, 3, 8, 200)) }
straight <- function(id, data, a) {
  d <- ship(data, a); large <- fitted(d, a); small <- fitted(d, with(a, spline = NULL))
  t <- 2 * (large$loglik[2] - small$loglik[2]); df <- length(coef(large)) - length(coef(small))
  add(id, "nested_models", data, a, list(coef = each(coef(large)), se = each(sqrt(diag(large$var))), chisq = full(t), df = df, p = full(pchisq(t, df, lower.tail = FALSE))))
}
for (ties in c("efron", "breslow")) for (df in 2:4) straight(paste("cohort, age with", df, "df,", ties), "cohort", with(arms, spline = list(age = df), ties = ties))

versions <- lapply(c(survival = "survival", splines = "splines"), function(p) as.character(packageVersion(p)))
write_json(list(program = R.version.string, packages = versions, script = "tests/reference/record_cox.R", cases = cases),
           file.path(verify, "reference", "cox.json"), auto_unbox = TRUE, digits = NA, pretty = 1)
