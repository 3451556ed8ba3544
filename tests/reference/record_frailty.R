# Records Cox regression with a shared gamma frailty. For a given theta: coxph(... + frailty(centre, theta)), with
# sparse = FALSE (nothing neglected) and its convergence tightened. For an estimated theta: the root of the numerical
# derivative of coxph's integrated likelihood over such fits, since method = "em" compares likelihoods and so ends within
# the root of the precision; what it gives is recorded too, with fewer digits.
# Run: Rscript tests/reference/record_frailty.R  (writes src/chartline/verify/reference/frailty.json)
suppressMessages({library(survival); library(numDeriv); library(jsonlite)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
verify <- file.path(here, "..", "..", "src", "chartline", "verify")
each <- function(x) I(ifelse(is.na(x), "NA", sprintf("%.17g", unname(x))))
full <- function(x) sprintf("%.17g", unname(x))
ship <- function(name) read.csv(file.path(verify, "data", paste0(name, ".csv")), comment.char = "#")
tight <- suppressWarnings(coxph.control(eps = 1e-13, iter.max = 200, outer.max = 200))
cases <- list()
one <- function(id, data, d, a, theta = NULL) {
  d$.e <- if (is.null(a$cause)) as.numeric(d[[a$event]] > 0) else as.numeric(d[[a$event]] == a$cause)
  d$.c <- d[[a$group]]; d$.t <- d[[a$time]]; d$.s <- if (is.null(a$entry)) 0 else d[[a$entry]]
  terms <- c(unlist(a$covariates), if (!is.null(a$strata)) sprintf("strata(%s)", a$strata))
  left <- if (is.null(a$entry)) "Surv(.t, .e)" else "Surv(.s, .t, .e)"
  fit <- function(frailty) coxph(as.formula(paste(left, "~", paste(c(terms, frailty), collapse = "+"))), d, ties = a$ties, control = tight)
  fixed <- function(th) fit(sprintf("frailty(.c, theta = %.17g, sparse = FALSE)", th))
  integrated <- function(f) f$history[[1]]$c.loglik
  estimated <- is.null(theta)
  if (estimated) {
    em <- suppressWarnings(fit('frailty(.c, method = "em", eps = 1e-9, sparse = FALSE)')); near <- em$history[[1]]$theta
    slope <- function(th) grad(function(x) integrated(fixed(x)), th, method.args = list(d = 0.05, r = 6))
    theta <- uniroot(slope, near * c(0.9, 1.1), tol = 1e-12)$root
  }
  f <- fixed(theta); p <- length(a$covariates); q <- length(f$coefficients) - p
  plain <- fit(NULL); lr <- max(0, 2 * (integrated(f) - plain$loglik[2])); se <- sqrt(diag(f$var)); i <- seq_len(p)
  expected <- list(coef = each(f$coefficients[i]), se = each(se[i]), se2 = each(sqrt(diag(f$var2))[i]),
                   frailty = each(f$coefficients[-i]), frailty_se = each(se[-i]), df = full(f$df[length(f$df)]),
                   loglik = full(integrated(f)), loglik_without = full(plain$loglik[2]), theta_chisq = full(lr))
  if (!estimated) a$theta <- theta else expected$theta <- full(theta)
  add <- function(...) cases[[length(cases) + 1]] <<- list(...)
  if (!estimated) add(id = id, statistic = "frailty_cox", data = data, arguments = a, expected = expected)
  else {
    add(id = id, statistic = "frailty_cox", data = data, arguments = a, expected = expected)
    add(id = paste(id, "(method em)"), statistic = "frailty_cox", data = data, arguments = a, digits = 4,
        why = "method em compares likelihoods, which are flat at their top",
        expected = list(theta = full(near), coef = each(em$coefficients[i]), se = each(sqrt(diag(em$var))[i]),
                        loglik = full(integrated(em))))
  }
}
kidney <- as.list(kidney[c("id", "time", "status", "age", "sex")])   # McGilchrist CA, Aisbett CW. Biometrics 1991;47:461
rats <- as.list(subset(rats, sex == "f")[c("litter", "time", "status", "rx")])   # Mantel N et al. Cancer Res 1977;37:3863
for (ties in c("efron", "breslow")) {
  one(paste("kidney", ties), kidney, as.data.frame(kidney), list(time = "time", event = "status", group = "id", covariates = list("sex", "age"), ties = ties))
  one(paste("rats", ties), rats, as.data.frame(rats), list(time = "time", event = "status", group = "litter", covariates = list("rx"), ties = ties))
  one(paste("cohort, theta 0.3,", ties), "cohort", ship("cohort"), list(time = "time", event = "status", entry = "entry", group = "centre", covariates = list("arm", "age"), ties = ties), 0.3)
  one(paste("tied, theta 1, by risk,", ties), "tied", ship("tied"), list(time = "time", event = "status", entry = "entry", group = "centre", strata = "risk", covariates = list("arm"), ties = ties), 1)
  one(paste("small, relapse, theta 0.05,", ties), "small", ship("small"), list(time = "time", event = "status", entry = "entry", group = "centre", covariates = list("arm", "wbc"), ties = ties, cause = 1), 0.05)
}
versions <- lapply(c(survival = "survival", numDeriv = "numDeriv"), function(p) as.character(packageVersion(p)))
write_json(list(program = R.version.string, packages = versions, script = "tests/reference/record_frailty.R", cases = cases),
           file.path(verify, "reference", "frailty.json"), auto_unbox = TRUE, digits = NA, pretty = 1)
