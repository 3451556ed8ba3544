# Records the stratified tests: mantelhaen.test, metafor::rma.mh, coin::cmh_test and lbl_test.
# Run: R_SOURCES=<folder with DescTools> Rscript tests/reference/record_strata.R
source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "tables_cases.R"))
suppressMessages({library(metafor); library(coin)})
tests <- from_source("DescTools", "Tests.r", "BreslowDayTest")
exact_test <- tight(stats::mantelhaen.test)
ship <- function(name) read.csv(file.path(verify, "data", paste0(name, ".csv")), comment.char = "#")
cohort <- ship("cohort"); tied <- ship("tied"); small <- ship("small")
admissions <- aperm(unname(unclass(datasets::UCBAdmissions)), c(2, 1, 3))  # Bickel et al. 1975
penicillin <- array(c(0, 0, 6, 5, 3, 0, 3, 6, 6, 2, 0, 4, 5, 6, 1, 0, 2, 5, 0, 0), c(2, 2, 5))  # Agresti 1990, p. 231 (R ?mantelhaen.test)
sparse <- array(c(1, 0, 3, 2, 2, 1, 1, 2, 0, 0, 4, 3, 3, 1, 0, 2), c(2, 2, 4))
uneven <- array(c(40, 12, 160, 38, 5, 9, 15, 61, 22, 31, 18, 29), c(2, 2, 3))
satisfaction <- array(c(1, 2, 0, 0, 3, 3, 1, 2, 11, 17, 8, 4, 2, 3, 5, 2, 1, 0, 0, 0, 1, 3, 0, 1, 2, 5, 7, 9, 1, 1, 3, 6), c(4, 4, 2))  # Agresti 2002, p. 288
named <- function(d, name) list(name, list(rows = "arm", columns = "response", strata = "centre", first = 1), unname(unclass(table(d$arm, factor(d$response, c(1, 0)), d$centre))))
data <- c(lapply(list(admissions, penicillin, sparse, uneven), function(m) list(list(tables = m), list(), m)),
  list(named(cohort, "cohort"), named(tied, "tied"), named(small, "small")))
for (s in data) {
  m <- array(s[[3]], dim(s[[3]])); big <- apply(m, 3, sum) > 1; args <- s[[2]]; both <- apply(m, c(1, 3), sum); ok <- big & both[1, ] > 0 & both[2, ] > 0
  m <- m[, , ok, drop = FALSE]
  for (cc in c(TRUE, FALSE)) {
    q <- mantelhaen.test(m, correct = cc)
    add("mantel_haenszel_test", s[[1]], list(chisq = q$statistic, df = q$parameter, p = q$p.value), c(args, list(continuity = cc)))
  }
  for (level in c(0.9, 0.95)) {
    e <- exact_test(m, exact = TRUE, conf.level = level); p <- sapply(c("less", "greater"), function(a) mantelhaen.test(m, exact = TRUE, alternative = a)$p.value)
    add("stratified_odds_ratio_exact", s[[1]], list(odds_ratio = e$estimate, lower = e$conf.int[1], upper = e$conf.int[2], p = e$p.value, p_less = p[1], p_greater = p[2]), c(args, list(level = level)))
    for (measure in c("OR", "RR", "RD")) {
      f <- rma.mh(measure = measure, ai = m[1, 1, ], bi = m[1, 2, ], ci = m[2, 1, ], di = m[2, 2, ], level = 100 * level)
      if (is.na(f$beta)) next
      back <- if (measure == "RD") identity else exp
      name <- c(OR = "mantel_haenszel_odds_ratio", RR = "mantel_haenszel_risk_ratio", RD = "mantel_haenszel_risk_difference")[[measure]]
      add(name, s[[1]], list(estimate = back(f$beta[1]), lower = back(f$ci.lb), upper = back(f$ci.ub), std_error = f$se, p = f$pval), c(args, list(level = level)))
    }
  }
  f <- rma.mh(measure = "OR", ai = m[1, 1, ], bi = m[1, 2, ], ci = m[2, 1, ], di = m[2, 2, ])
  if (is.na(f$BD)) next
  if (all(apply(m, c(2, 3), sum) > 0)) near(tests$BreslowDayTest(m)$statistic, f$BD, 1e-8)
  add("breslow_day", s[[1]], list(chisq = f$BD, p = f$BDp, chisq_tarone = f$TA, p_tarone = f$TAp, df = f$k.pos - 1, odds_ratio = exp(f$beta[1])), args)
}
named3 <- function(d, name, rows, columns) list(name, list(rows = rows, columns = columns, strata = "centre"), unname(unclass(table(d[[rows]], d[[columns]], d$centre))))
for (s in list(list(list(tables = satisfaction), list(), satisfaction), list(list(tables = admissions), list(), admissions), named3(cohort, "cohort", "risk", "status"),
  named3(cohort, "cohort", "arm", "risk"), named3(tied, "tied", "risk", "status"), named3(small, "small", "risk", "arm"))) {
  m <- array(s[[3]], dim(s[[3]])); wide <- any(dim(m)[1:2] > 2)
  long <- data.frame(row = c(slice.index(m, 1)), col = c(slice.index(m, 2)), stratum = factor(c(slice.index(m, 3))), n = c(m))
  x <- long[rep(seq_len(nrow(long)), long$n), ]; x <- x[x$stratum %in% names(which(table(x$stratum) > 1)), ]; x$stratum <- droplevels(x$stratum)
  x$r <- factor(x$row); x$c <- factor(x$col)
  put <- function(kind, t) add("generalised_mantel_haenszel", s[[1]], list(chisq = t[[1]], df = t[[2]], p = t[[3]]), c(s[[2]], list(kind = kind)))
  general <- cmh_test(r ~ c | stratum, x); statistics <- function(t) list(as.numeric(statistic(t)), t@statistic@df, as.numeric(pvalue(t)))
  if (wide) { q <- mantelhaen.test(m[, , apply(m, 3, sum) > 1]); near(unname(q$statistic), as.numeric(statistic(general)), 1e-8); put("general", list(q$statistic, q$parameter, q$p.value)) }
  else put("general", statistics(general))
  put("row_means", statistics(independence_test(col ~ r | stratum, x, teststat = "quadratic")))
  put("correlation", statistics(independence_test(col ~ row | stratum, x, teststat = "quadratic")))
}
save_cases("strata", "record_strata.R", c("metafor", "coin"), "DescTools")
