# Records Rubin's rules: mice::pool.scalar on typed estimates, and summary(mice::pool(...)) of Cox and logistic fits of
# sets that mice imputed. Only the estimates and variances of each set are recorded as data: drawing is not compared.
# Run: Rscript tests/reference/record_rubin.R  (writes src/chartline/verify/reference/rubin.json)
suppressMessages({library(mice); library(survival); library(jsonlite)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
verify <- file.path(here, "..", "..", "src", "chartline", "verify")
each <- function(x) I(sprintf("%.17g", unname(x)))
full <- function(x) sprintf("%.17g", unname(x))
cases <- list()
add <- function(...) cases[[length(cases) + 1]] <<- list(...)
typed <- list(
  few = list(q = c(1.0, 1.2, 0.9), u = c(0.10, 0.12, 0.11)),
  five = list(q = c(-0.41, -0.35, -0.52, -0.47, -0.39), u = c(0.041, 0.039, 0.045, 0.040, 0.043)),
  equal = list(q = c(0.5, 0.5, 0.5, 0.5), u = c(0.04, 0.04, 0.04, 0.04)),
  far_apart = list(q = c(2, -1, 0.5, 3), u = c(0.2, 0.1, 0.3, 0.15)))
for (name in names(typed)) for (n in c(Inf, 32, 400)) {
  d <- typed[[name]]; p <- pool.scalar(d$q, d$u, n = n, k = 2)
  add(id = paste(name, n), statistic = "rubin", data = list(q = each(d$q), u = each(d$u)),
      arguments = list(df_complete = if (is.infinite(n)) NULL else n - 2, level = 0.95)[if (is.infinite(n)) 2 else 1:2],
      expected = list(estimate = full(p$qbar), se = full(sqrt(p$t)), df = full(p$df), within = full(p$ubar), between = full(p$b),
                      increase = full(p$r), missing_information = full(p$fmi)))
}
d <- read.csv(file.path(verify, "data", "cohort.csv"), comment.char = "#")
set.seed(20260104); d$age[sample(nrow(d), 120)] <- NA; d$event <- as.numeric(d$status > 0); d$hazard <- nelsonaalen(d, time, event)
sets <- mice(d[c("time", "event", "hazard", "arm", "age", "response")], m = 7, maxit = 3, print = FALSE, seed = 1)
fits <- list(cox = with(sets, coxph(Surv(time, event) ~ arm + age)), logistic = with(sets, glm(response ~ arm + age, binomial)))
for (kind in names(fits)) for (level in c(0.95, 0.9)) {
  f <- fits[[kind]]; pooled <- pool(f); s <- summary(pooled, conf.int = TRUE, conf.level = level)
  for (i in seq_len(nrow(s))) add(
    id = paste(kind, s$term[i], level), statistic = "rubin",
    data = list(q = each(sapply(f$analyses, function(a) coef(a)[i])), u = each(sapply(f$analyses, function(a) vcov(a)[i, i]))),
    arguments = list(df_complete = pooled$pooled$dfcom[i], level = level),
    expected = list(estimate = full(s$estimate[i]), se = full(s$std.error[i]), df = full(s$df[i]), p = full(s$p.value[i]),
                    lower = full(s[i, ncol(s) - 1]), upper = full(s[i, ncol(s)]), between_share = full(pooled$pooled$lambda[i]),
                    missing_information = full(pooled$pooled$fmi[i])))
}
write_json(list(program = R.version.string, packages = list(mice = as.character(packageVersion("mice"))),
                script = "tests/reference/record_rubin.R", cases = cases),
           file.path(verify, "reference", "rubin.json"), auto_unbox = TRUE, digits = NA, pretty = 1)
