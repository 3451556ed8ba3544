# Records one Cox model with the centre ignored, as stratum, as fixed effect and as gamma frailty (whose estimated theta is
# 0 in these data, or given by the root of the derivative of the integrated likelihood as in record_frailty.R).
# Run: Rscript tests/reference/record_centre.R  (writes src/chartline/verify/reference/centre.json)
suppressMessages({library(survival); library(jsonlite)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
verify <- file.path(here, "..", "..", "src", "chartline", "verify")
each <- function(x) I(sprintf("%.17g", unname(x)))
tight <- suppressWarnings(coxph.control(eps = 1e-14, iter.max = 100))
cases <- list()
for (name in c("cohort", "tied")) for (ties in c("efron", "breslow")) for (level in c(0.95, 0.9)) {
  d <- read.csv(file.path(verify, "data", paste0(name, ".csv")), comment.char = "#")
  s <- Surv(d$entry, d$time, d$status > 0)
  fits <- list(ignored = coxph(s ~ arm + age, d, ties = ties, control = tight),
               stratum = coxph(s ~ arm + age + strata(centre), d, ties = ties, control = tight),
               fixed = coxph(s ~ arm + age + factor(centre), d, ties = ties, control = tight))
  em <- suppressWarnings(coxph(s ~ arm + age + frailty(centre, method = "em", sparse = FALSE), d, ties = ties))
  stopifnot(em$history[[1]]$theta < 1e-4)   # no frailty: the fit is the one that ignores the centre
  fits$frailty <- fits$ignored
  expected <- lapply(fits, function(f) {
    ci <- confint(f, level = level)[1:2, ]
    list(coef = each(coef(f)[1:2]), se = each(sqrt(diag(vcov(f)))[1:2]), lower = each(ci[, 1]), upper = each(ci[, 2]),
         p = each(summary(f)$coefficients[1:2, 5]))
  })
  cases[[length(cases) + 1]] <- list(id = paste(name, ties, level), statistic = "cox_centre", data = name,
                                     arguments = list(ties = ties, level = level), expected = expected)
}
write_json(list(program = R.version.string, packages = list(survival = as.character(packageVersion("survival"))),
                script = "tests/reference/record_centre.R", cases = cases),
           file.path(verify, "reference", "centre.json"), auto_unbox = TRUE, digits = NA, pretty = 1)
