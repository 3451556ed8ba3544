# Records the comparison of two proportions. Where a package stops its search early (PropCIs 1e-6, DescTools 1e-7,
# fisher.test 1e-4) the same equation is solved to the last digit, by other formulas than chartline's (closed root of the
# cubic of Farrington and Manning), and the package is asserted to be as near as its own tolerance
# (orscoreci starts 10 % away from the estimate: with 190,000 patients it is outside at once).
# Run: R_SOURCES=<folder with DescTools> Rscript tests/reference/record_two_proportions.R
source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "tables_cases.R"))
suppressMessages({library(PropCIs); library(epitools); library(exact2x2)})
desc <- from_source("DescTools", "StatsAndCIs.r", c("BinomCI", "BinomDiffCI", "BinomRatioCI"))
desc$Recycle <- function(...) { a <- list(...); n <- max(lengths(a)); structure(lapply(a, rep, length.out = n), maxdim = n) }
cubic <- function(p1, n1, p2, n2, d) {  # Farrington and Manning 1990, appendix
  t <- n2 / n1; a <- 1 + t; b <- -(1 + t + p1 + t * p2 + d * (t + 2)); c <- d^2 + d * (2 * p1 + t + 1) + p1 + t * p2; e <- -p1 * d * (1 + d)
  v <- (b / a / 3)^3 - b * c / (6 * a^2) + e / a / 2; u <- ifelse(v > 0, 1, -1) * sqrt(max(0, (b / a / 3)^2 - c / a / 3))
  w <- (pi + acos(max(-1, min(1, if (u == 0) 1 else v / u^3)))) / 3
  r <- 2 * u * cos(w) - b / a / 3; c(r, r - d)
}
mn_difference <- function(x1, n1, x2, n2, level, k) {
  p <- c(x1 / n1, x2 / n2); z <- qnorm(1 - (1 - level) / 2) * sqrt(k)
  s <- function(d) { r <- cubic(p[1], n1, p[2], n2, d); v <- max(0, r[1] * (1 - r[1])) / n1 + max(0, r[2] * (1 - r[2])) / n2
    (p[1] - p[2] - d) / sqrt(v) }
  e <- p[1] - p[2]
  c(if (e == -1) -1 else root(function(d) s(d) - z, -1 + 1e-9, e - 1e-9), if (e == 1) 1 else root(function(d) s(d) + z, e + 1e-9, 1 - 1e-9))
}
mn_ratio <- function(x1, n1, x2, n2, level, k) {
  z <- qnorm(1 - (1 - level) / 2) * sqrt(k)
  s <- function(t) { h <- exp(t); a <- (n1 + n2) * h; b <- -(n1 * h + x1 + n2 + x2 * h); r2 <- (-b - sqrt(max(0, b^2 - 4 * a * (x1 + x2)))) / (2 * a)
    r1 <- h * r2; d <- x1 / n1 - h * x2 / n2; v <- r1 * (1 - r1) / n1 + h^2 * r2 * (1 - r2) / n2; if (d == 0) 0 else d / sqrt(max(0, v)) }
  m <- log(x1 / n1 / (x2 / n2)); m0 <- if (is.finite(m)) m else if (x1 == 0) -12 else 12
  c(if (x1 == 0) 0 else exp(root(function(t) s(t) - z, -12, m0)), if (x2 == 0) Inf else exp(root(function(t) s(t) + z, m0, 12)))
}
mn_odds <- function(x1, n1, x2, n2, level, k) {
  z <- qnorm(1 - (1 - level) / 2) * sqrt(k)
  s <- function(t) { h <- exp(t); a <- n2 * (h - 1); b <- n1 * h + n2 - (x1 + x2) * (h - 1); c <- -(x1 + x2)
    r2 <- if (abs(a) < 1e-12) -c / b else (-b + sqrt(b^2 - 4 * a * c)) / (2 * a); r1 <- r2 * h / (1 + r2 * (h - 1))
    (x1 - n1 * r1) * sqrt(1 / (n1 * r1 * (1 - r1)) + 1 / (n2 * r2 * (1 - r2))) }
  m <- log(x1 * (n2 - x2) / ((n1 - x1) * x2)); m0 <- if (is.finite(m)) m else if (m < 0) -12 else 12
  c(if (is.finite(m) || m > 0) exp(root(function(t) s(t) - z, -12, m0)) else 0, if (is.finite(m) || m < 0) exp(root(function(t) s(t) + z, m0, 12)) else Inf)
}
fisher <- tight(stats::fisher.test)
midp <- tight(exact2x2:::fisherCalcMidp)
groups <- list(c(56, 70, 48, 80), c(9, 10, 3, 10), c(6, 7, 2, 7), c(5, 56, 0, 29), c(0, 10, 0, 20), c(10, 10, 0, 20), c(10, 10, 3, 9),
  c(19, 32, 11, 32), c(10, 12, 9, 20), c(1, 40, 8, 44), c(0, 16, 4, 15), c(130, 500, 171, 620), c(1234, 100000, 1340, 90000))
for (g in groups) for (level in if (g[2] == 32) c(0.9, 0.95, 0.99) else 0.95) {
  x1 <- g[1]; n1 <- g[2]; x2 <- g[3]; n2 <- g[4]; e <- x1 / n1 - x2 / n2; N <- n1 + n2
  put <- function(name, estimate, ci, ...) add(name, list(n = c(x1, x2), total = c(n1, n2)), list(estimate = estimate, lower = ci[1], upper = ci[2]), c(list(level = level), list(...)))
  for (cc in c(FALSE, TRUE)) {
    ci <- desc$BinomDiffCI(x1, n1, x2, n2, level, "two.sided", if (cc) "scorecc" else "score")[2:3]
    put("risk_difference_newcombe", e, ci, continuity = cc)
  }
  put("risk_difference_wald", e, desc$BinomDiffCI(x1, n1, x2, n2, level, "two.sided", "wald")[2:3])
  put("risk_difference_agresti_caffo", e, desc$BinomDiffCI(x1, n1, x2, n2, level, "two.sided", "ac")[2:3])
  for (mn in c(TRUE, FALSE)) {
    k <- if (mn) N / (N - 1) else 1
    ci <- mn_difference(x1, n1, x2, n2, level, k)
    if (mn && abs(e) < 1) near(ci, diffscoreci(x1, n1, x2, n2, level)$conf.int, 1e-5)
    put("risk_difference_miettinen_nurminen", e, ci, correction = mn)
  }
  if (x1 + x2 == 0) next
  ratio <- x1 / n1 / (x2 / n2); odds <- x1 * (n2 - x2) / ((n1 - x1) * x2)
  for (mn in c(TRUE, FALSE)) {
    k <- if (mn) N / (N - 1) else 1
    ci <- mn_ratio(x1, n1, x2, n2, level, k)
    if (!mn && x1 < n1) near(ci, riskscoreci(x1, n1, x2, n2, level)$conf.int, 1e-3)
    put("risk_ratio_miettinen_nurminen", ratio, ci, correction = mn)
    ci <- mn_odds(x1, n1, x2, n2, level, k)
    if (mn && N < 1e4) near(ci, orscoreci(x1, n1, x2, n2, level)$conf.int, 5e-3)
    put("odds_ratio_miettinen_nurminen", odds, ci, correction = mn)
  }
  if (x1 > 0 && x2 > 0) {
    w <- riskratio.wald(rbind(c(n2 - x2, x2), c(n1 - x1, x1)), conf.level = level)$measure[2, ]
    put("risk_ratio_katz", w[1], w[2:3])
    if (x1 < n1 && x2 < n2) {
      w <- oddsratio.wald(rbind(c(n2 - x2, x2), c(n1 - x1, x1)), conf.level = level)$measure[2, ]
      put("odds_ratio_woolf", w[1], w[2:3])
    }
  }
  m <- rbind(c(x1, n1 - x1), c(x2, n2 - x2))
  f <- fisher(m, conf.level = level)
  near(log(f$conf.int), log(fisher.test(m, conf.level = level)$conf.int), 5e-2)
  put("odds_ratio_exact", unname(f$estimate), f$conf.int)
  put("odds_ratio_mid_p", unname(f$estimate), midp(m, 1, "two.sided", TRUE, level)$conf.int)
}
save_cases("two_proportions", "record_two_proportions.R", c("PropCIs", "epitools", "exact2x2"), "DescTools")
