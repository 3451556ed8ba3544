# Records the intervals of one proportion and the exact test against a rate: binom.test, prop.test, DescTools::BinomCI,
# and the mid-P interval as the root of its definition (exactci::binom.exact, which has fewer digits, is asserted near).
# Run: R_SOURCES=<folder with DescTools> Rscript tests/reference/record_proportion_intervals.R
source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "tables_cases.R"))
suppressMessages(library(exactci))
desc <- from_source("DescTools", "StatsAndCIs.r", c("BinomCI"))
desc$Recycle <- function(...) { a <- list(...); n <- max(lengths(a)); structure(lapply(a, rep, length.out = n), maxdim = n) }
ends <- function(ci) list(lower = ci[1], upper = ci[2])
mid <- function(x, n, level) {
  a <- (1 - level) / 2
  lower <- if (x == 0) 0 else root(function(p) pbinom(x, n, p, lower.tail = FALSE) + dbinom(x, n, p) / 2 - a, 0, x / n)
  upper <- if (x == n) 1 else root(function(p) pbinom(x - 1, n, p) + dbinom(x, n, p) / 2 - a, x / n, 1)
  near(c(lower, upper), binom.exact(x, n, conf.level = level, midp = TRUE, tsmethod = "central")$conf.int, 1e-4)
  c(lower, upper)
}
pairs <- list(c(0, 1), c(1, 1), c(0, 11), c(3, 32), c(19, 32), c(18, 19), c(13, 19), c(32, 32), c(81, 263), c(1, 1000), c(400, 1000))
for (pair in pairs) for (level in if (pair[2] == 32) c(0.8, 0.95, 0.99) else 0.95) {
  x <- pair[1]; n <- pair[2]
  put <- function(name, ci) add(name, list(n = x, total = n), ends(ci), list(level = level))
  put("proportion", binom.test(x, n, conf.level = level)$conf.int)
  # R's prop.test takes its lower bound as a difference that loses digits near 0: DescTools' form keeps them
  wilson <- desc$BinomCI(x, n, level, method = "wilson")[2:3]
  near(wilson, suppressWarnings(prop.test(x, n, conf.level = level, correct = FALSE))$conf.int, 1e-12)
  put("proportion_wilson", ifelse(abs(wilson) < 1e-15, 0, wilson))
  put("proportion_wilson_continuity", desc$BinomCI(x, n, level, method = "wilsoncc")[2:3])
  put("proportion_agresti_coull", desc$BinomCI(x, n, level, method = "agresti-coull")[2:3])
  put("proportion_jeffreys", desc$BinomCI(x, n, level, method = "jeffreys")[2:3])
  put("proportion_mid_p", mid(x, n, level))
}
tests <- list(c(19, 32, 0.3), c(19, 32, 0.5), c(0, 32, 0.1), c(3, 32, 0.25), c(8, 32, 0.25), c(32, 32, 0.9), c(682, 925, 0.75),
  c(5, 20, 0.2), c(1, 1, 0.5), c(2, 7, 0.9), c(100, 1000, 0.12), c(600, 1000, 0.5))
for (t in tests) {
  p <- sapply(c("two.sided", "less", "greater"), function(a) binom.test(t[1], t[2], t[3], alternative = a)$p.value)
  add("binomial_test", list(n = t[1], total = t[2]), list(p = p[1], p_less = p[2], p_greater = p[3]), list(rate = t[3]))
}
save_cases("proportion_intervals", "record_proportion_intervals.R", "exactci", "DescTools")
