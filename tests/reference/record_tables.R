# Records the tests of one table: Fisher, Boschloo, Barnard, chi-square, trend, McNemar, kappa, standardised difference.
# Tables are those of the shipped data sets, published ones (named below) or made up for their zeros.
# Run: R_SOURCES=<folder with DescTools, Exact> Rscript tests/reference/record_tables.R
source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "tables_cases.R"))
suppressMessages({library(MASS); library(coin); library(epiR); library(exact2x2)})
ship <- function(name) read.csv(file.path(verify, "data", paste0(name, ".csv")), comment.char = "#")
cohort <- ship("cohort"); tied <- ship("tied"); small <- ship("small")
desc <- from_source("DescTools", "StatsAndCIs.r", c("CohenKappa"))
tests <- from_source("DescTools", "Tests.r", "MHChisqTest")
tests$corr <- boot::corr; tests$CombPairs <- from_source("DescTools", "DescTools.r", "CombPairs")$CombPairs
exact <- new.env(parent = globalenv())
for (f in list.files(file.path(Sys.getenv("R_SOURCES"), "Exact", "R"), full.names = TRUE)) sys.source(f, exact)
r <- function(...) rbind(...)
job <- matrix(c(1, 2, 1, 0, 3, 3, 6, 1, 10, 10, 14, 9, 6, 7, 12, 11), 4, 4)  # Agresti 2002, table 2.8 (R ?fisher.test)
party <- r(c(762, 327, 468), c(484, 239, 477))  # Agresti 2007, table 2.5 (R ?chisq.test)
tea <- r(c(3, 1), c(1, 3))  # Fisher's tea taster
convictions <- r(c(2, 10), c(15, 3))  # Fisher 1962 (R ?fisher.test)
approval <- r(c(794, 86), c(150, 570))  # Agresti 1990, p. 350 (R ?mcnemar.test)
raters <- r(c(88, 14, 18), c(10, 40, 10), c(2, 6, 12))  # Fleiss, Levin, Paik 2003, table 18.1, n = 200 as counts
large <- r(c(1234567, 1e7), c(1234000, 1e7))
made <- list(r(c(8, 3, 5), c(2, 9, 7), c(4, 4, 1), c(6, 2, 8)), r(c(3, 0, 5, 2, 4), c(2, 4, 1, 3, 3), c(0, 6, 2, 2, 1)),
  r(c(4, 1, 2), c(3, 5, 2)), r(c(0, 5, 0), c(4, 0, 3)), r(c(12, 5), c(7, 7)), r(c(0, 6), c(5, 4)), r(c(1, 0, 0, 2), c(0, 3, 1, 0), c(2, 2, 0, 1)))
named <- function(d, name) list(list(name, "arm", "response", table(d$arm, d$response)), list(name, "risk", "response", table(d$risk, d$response)),
  list(name, "arm", "risk", table(d$arm, d$risk)))
shipped <- c(named(cohort, "cohort"), named(tied, "tied"), named(small, "small"), list(list("small", "centre", "response", table(small$centre, small$response)),
  list("small", "centre", "risk", table(small$centre, small$risk)), list("tied", "centre", "status", table(tied$centre, tied$status))))
sources <- c(lapply(c(list(job, party, tea, convictions, large), made), function(m) list(list(table = m), list(), m)),
  lapply(shipped, function(s) list(s[[1]], list(rows = s[[2]], columns = s[[3]]), unclass(unname(s[[4]])))))
for (s in sources) {
  m <- matrix(s[[3]], nrow(s[[3]])); two <- all(dim(m) == 2)
  for (cc in if (two) c(FALSE, TRUE) else FALSE) {
    q <- suppressWarnings(chisq.test(m, correct = cc))
    add("chi_square", s[[1]], list(chisq = q$statistic, df = q$parameter, p = q$p.value, expected = matrix(q$expected, nrow(m))), c(s[[2]], if (two) list(continuity = cc)))
  }
  g <- loglm(~ 1 + 2, m)
  add("likelihood_ratio_chi_square", s[[1]], list(chisq = g$lrt, df = g$df, p = pchisq(g$lrt, g$df, lower.tail = FALSE)), s[[2]])
  if (two) {
    p <- sapply(c("two.sided", "less", "greater"), function(a) fisher.test(m, alternative = a)$p.value)
    mid <- exact2x2(m, midp = TRUE, tsmethod = "central", conf.int = FALSE)$p.value
    add("fisher", s[[1]], list(p = p[1], p_less = p[2], p_greater = p[3], p_mid = mid), s[[2]])
  } else add("fisher", s[[1]], list(p = fisher.test(m, workspace = 2e7)$p.value), s[[2]])
}
for (s in list(list(list(table = job), list(), job, 1:4, 1:4), list(list(table = party), list(), party, 1:2, 1:3), list(list(table = job), list(rows = c(3, 10, 20, 35), columns = c(1, 3, 4, 5)), job, c(3, 10, 20, 35), c(1, 3, 4, 5)),
  list(list(table = made[[1]]), list(), made[[1]], 1:4, 1:3), list(list(table = made[[2]]), list(), made[[2]], 1:3, 1:5))) {
  m <- s[[3]]; t <- lbl_test(as.table(m), scores = setNames(list(s[[4]], s[[5]]), c("Var1", "Var2")))
  q <- tests$MHChisqTest(m, s[[4]], s[[5]]); near(q$statistic, statistic(t)^2, 1e-10)
  # coin signs z by its own order of the two variables: the sign here is that of the correlation of the scores
  rho <- cor(rep(s[[4]][row(m)], m), rep(s[[5]][col(m)], m))
  add("linear_by_linear", s[[1]], list(z = sign(rho) * abs(statistic(t)), chisq = q$statistic, p = q$p.value), s[[2]])
}
trends <- list(list(c(83, 90, 129, 70), c(86, 93, 136, 82), NULL), list(c(83, 90, 129, 70), c(86, 93, 136, 82), c(0, 0, 0, 1)),  # Fleiss 1981 (R ?prop.test)
  list(c(1, 0, 3, 4), c(9, 8, 8, 7), NULL), list(c(2, 3, 6), c(10, 11, 11), c(0, 1, 4)), list(c(48, 38, 5, 1, 1), c(17114, 14502, 793, 127, 38), c(0, 1, 3, 8, 14)),
  list(c(0, 0, 5), c(6, 7, 8), NULL), list(c(7, 4, 2, 1), c(8, 9, 10, 8), c(3, 2, 5, 11)))
for (t in trends) {
  x <- t[[1]]; n <- t[[2]]; s <- if (is.null(t[[3]])) seq_along(x) else t[[3]]
  a <- if (is.null(t[[3]])) list() else list(scores = s)
  q <- suppressWarnings(prop.trend.test(x, n, s)); z <- sign(sum(x * (s - sum(n * s) / sum(n)))) * sqrt(unname(q$statistic))
  add("cochran_armitage", list(events = x, totals = n), list(chisq = q$statistic, p = q$p.value, z = z, p_rising = pnorm(-z), p_falling = pnorm(z)), a)
  if (sum(n) > 1000) next
  score <- rep(rep(s, 2), c(x, n - x)); group <- factor(rep(c("event", "none"), c(sum(x), sum(n - x))))
  p <- sapply(c("two.sided", "greater", "less"), function(side) as.numeric(pvalue(independence_test(score ~ group, distribution = "exact", alternative = side))))
  add("cochran_armitage_exact", list(events = x, totals = n), list(statistic = sum(x * s), expected = sum(n * s) * sum(x) / sum(n), p = p[1], p_rising = p[2], p_falling = p[3]), a)
}
for (m in list(approval, tea, r(c(12, 0), c(6, 4)), r(c(3, 7), c(2, 5)), r(c(20, 5), c(5, 9)), r(c(1, 14), c(3, 2)))) {
  a <- suppressWarnings(mcnemar.test(m, correct = FALSE)); b <- suppressWarnings(mcnemar.test(m, correct = TRUE)); e <- mcnemar.exact(m)
  add("mcnemar", list(table = m), list(chisq = a$statistic, df = a$parameter, p = a$p.value, chisq_corrected = b$statistic, p_corrected = b$p.value,
    p_exact = e$p.value, p_mid = exact2x2(m, paired = TRUE, midp = TRUE)$p.value, odds_ratio = e$estimate, lower = e$conf.int[1], upper = e$conf.int[2]))
}
for (m in list(raters, job + 1)) { a <- mcnemar.test(m); add("mcnemar", list(table = m), list(chisq = a$statistic, df = a$parameter, p = a$p.value)) }
null_error <- function(m, w) {  # Fleiss, Cohen and Everitt 1969, equation 9; epi.kappa has the unweighted one
  p <- m / sum(m); a <- rowSums(p); b <- colSums(p); e <- sum(w * outer(a, b)); bar <- outer(c(w %*% b), c(a %*% w), "+")
  sqrt(sum(outer(a, b) * (w - bar)^2) - e^2) / ((1 - e) * sqrt(sum(m)))
}
for (m in list(raters, job, approval, r(c(20, 0), c(3, 9)), made[[1]][1:3, ])) for (kind in c("none", "linear", "quadratic")) for (level in if (identical(m, raters)) c(0.9, 0.95) else 0.95) {
  how <- c(none = "Unweighted", linear = "Equal-Spacing", quadratic = "Fleiss-Cohen")[[kind]]
  k <- nrow(m); w <- if (kind == "none") diag(k) else 1 - (abs(outer(1:k, 1:k, "-")) / (k - 1))^(if (kind == "linear") 1 else 2)
  q <- desc$CohenKappa(m, weights = how, conf.level = level); s0 <- null_error(m, w)
  if (kind == "none") near(q[[1]] / s0, epi.kappa(m, method = "fleiss")$z$test.statistic, 1e-10)
  add("kappa", list(table = m), list(estimate = q[[1]], lower = q[[2]], upper = q[[3]], std_error = (q[[3]] - q[[2]]) / 2 / qnorm(1 - (1 - level) / 2),
    std_error_null = s0, z = q[[1]] / s0, p = 2 * pnorm(-abs(q[[1]] / s0))), list(weights = kind, level = level))
}
distance <- function(a, b, level) {  # Yang and Dalton 2012
  p <- a / sum(a); q <- b / sum(b); d <- (p - q)[-1]
  s <- matrix(0, length(d), length(d)); for (i in seq_along(d)) for (j in seq_along(d)) s[i, j] <- if (i == j)
    (p[i + 1] * (1 - p[i + 1]) + q[i + 1] * (1 - q[i + 1])) / 2 else -(p[i + 1] * p[j + 1] + q[i + 1] * q[j + 1]) / 2
  v <- sqrt(c(d %*% solve(s) %*% d)); if (length(p) == 2) v <- sign(p[1] - q[1]) * v
  e <- sqrt((sum(a) + sum(b)) / (sum(a) * sum(b)) + v^2 / (2 * (sum(a) + sum(b)))); z <- qnorm(1 - (1 - level) / 2)
  list(value = v, std_error = e, lower = v - z * e, upper = v + z * e)
}
for (s in list(list(c(3, 5, 2), c(6, 1, 9)), list(c(3, 5), c(6, 1)), list(c(40, 10), c(10, 40)), list(c(12, 0, 3, 4), c(5, 6, 7, 0)), list(c(100, 250, 7), c(90, 240, 11))))
  for (level in c(0.9, 0.95)) add("standardised_difference_category", list(first = s[[1]], second = s[[2]]), distance(s[[1]], s[[2]], level), list(level = level))
for (g in list(c(7, 12, 1, 10), c(10, 12, 9, 20), c(19, 32, 11, 32), c(3, 8, 0, 9), c(0, 15, 4, 15), c(5, 5, 2, 7), c(14, 47, 48, 283), c(4, 30, 11, 31))) {
  m <- r(c(g[1], g[2] - g[1]), c(g[3], g[4] - g[3])); d <- list(n = g[c(1, 3)], total = g[c(2, 4)])
  # exact.test stops refining the common rate at about six digits: its own set of extreme tables is taken further
  e <- function(method, side) {
    q <- exact$exact.test(m, alternative = sub("-", ".", side), method = method, to.plot = FALSE, npNumbers = 2000)
    x <- t(m); if (side == "greater" || (side == "two-sided" && g[1] / g[2] > g[3] / g[4])) x <- x[, 2:1]
    n <- colSums(x); inside <- exact$moreExtreme(method, x, n, if (side == "two-sided") "two.sided" else "less", NULL, 0)$moreExtremeMat
    p <- function(rate) sum(dbinom(0:n[1], n[1], rate) * (inside %*% dbinom(0:n[2], n[2], rate)))
    best <- max(q$p.value, sapply(unlist(q$np), function(at) optimize(p, c(max(0, at - 1e-3), min(1, at + 1e-3)), maximum = TRUE, tol = 1e-12)$objective))
    near(best, q$p.value, 1e-5); q$p.value <- best; q
  }
  for (side in c("two-sided", "less", "greater")) {
    q <- e("boschloo", side); add("boschloo", d, list(statistic = q$statistic, p = q$p.value), list(alternative = side))
    for (pooled in c(TRUE, FALSE)) {
      q <- e(if (pooled) "z-pooled" else "z-unpooled", side)
      add("barnard", d, list(statistic = q$statistic, p = q$p.value), list(alternative = side, pooled = pooled))
    }
  }
}
save_cases("tables", "record_tables.R", c("MASS", "coin", "epiR", "exact2x2"), c("DescTools", "Exact"))
