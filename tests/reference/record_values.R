# Records tests and intervals of numbers: Wilcoxon, Kruskal-Wallis, Jonckheere-Terpstra, Hodges-Lehmann, t, analysis of
# variance, standardised differences, intervals of quantiles.
# Run: Rscript record_values.R  (writes src/chartline/verify/reference/values.json)
suppressMessages({library(jsonlite); library(coin); library(exactRankTests); library(clinfun)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
verify <- file.path(here, "..", "..", "src", "chartline", "verify")
full <- function(x) ifelse(is.na(x), "NA", sprintf("%.17g", as.numeric(x)))
cases <- list()
record <- function(id, statistic, data, arguments, expected, ...) {
  expected <- lapply(expected, function(x) if (length(x) == 1) full(x) else I(full(x)))
  cases[[length(cases) + 1]] <<- list(id = id, statistic = statistic, data = data, arguments = arguments,
                                      expected = expected, ...)
}
plain <- function(groups) lapply(groups, I)  # a column stays a list, however short
none <- setNames(list(), character(0))
read <- function(name) read.csv(file.path(verify, "data", paste0(name, ".csv")), comment.char = "#")
shipped <- lapply(setNames(nm = c("cohort", "tied", "small")), read)
# sources of groups: shipped data (value by column; `floor` rounds down to multiples, so that values tie), or typed
of <- function(name, value, by, floor = 0) {
  d <- shipped[[name]]
  v <- if (floor > 0) base::floor(d[[value]] / floor) * floor else d[[value]]
  list(data = name, arguments = list(value = value, by = by, floor = floor), groups = split(v, d[[by]]))
}
typed <- function(...) { g <- list(...); list(data = plain(g), arguments = none, groups = g) }

two <- list(
  small_age = of("small", "age", "arm"), small_age_tied = of("small", "age", "arm", 10), small_wbc = of("small", "wbc", "arm"),
  small_wbc_tied = of("small", "wbc", "arm", 5), small_sites = of("small", "time", "response", 50),
  ties = typed(x = c(1, 2, 2, 3, 5, 5, 7), y = c(2, 3, 4, 6, 6, 8, 9, 9)),
  no_ties = typed(x = c(0.8, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46), y = c(1.15, 0.88, 0.9, 0.74, 1.21)),
  grades = typed(x = rep(0:4, c(3, 5, 4, 2, 1)), y = rep(0:4, c(9, 6, 2, 1, 0))),
  one_and_three = typed(x = 4, y = c(1, 2, 7)), heavy = typed(x = c(rep(1, 12), 2, 2, 3), y = c(rep(1, 20), 2)),
  separate = typed(x = 11:22, y = 1:10))
large <- list(cohort_age = of("cohort", "age", "arm"), cohort_wbc_tied = of("cohort", "wbc", "arm", 2),
              tied_time = of("tied", "time", "response"))
long <- function(g) data.frame(v = unlist(g, use.names = FALSE), g = factor(rep(seq_along(g), lengths(g))))

for (name in names(two)) {
  s <- two[[name]]; d <- long(s$groups); x <- s$groups[[1]]; y <- s$groups[[2]]
  for (alt in c("two.sided", "greater", "less")) {
    p <- as.numeric(pvalue(coin::wilcox_test(v ~ g, d, distribution = "exact", alternative = alt)))
    other <- suppressWarnings(wilcox.exact(x, y, alternative = alt, exact = TRUE)$p.value)
    if (abs(p - other) > 1e-9 * p) cat("coin and exactRankTests differ:", name, alt, p, other, "\n")
    if (!anyDuplicated(d$v)) stopifnot(abs(p - wilcox.test(x, y, alternative = alt, exact = TRUE)$p.value) < 1e-9)
    record(paste(name, "exact", alt, sep = "_"), "rank_sum", s$data,
           c(s$arguments, list(alternative = sub("[.]", "-", alt), exact = TRUE)),
           list(statistic = wilcox.test(x, y, exact = FALSE)$statistic, p = p))
  }
}
for (name in names(c(two, large))) {
  s <- c(two, large)[[name]]; d <- long(s$groups); x <- s$groups[[1]]; y <- s$groups[[2]]
  for (alt in c("two.sided", "greater", "less")) for (correct in c(TRUE, FALSE)) {
    if (!correct && alt != "two.sided") next
    w <- wilcox.test(x, y, alternative = alt, exact = FALSE, correct = correct)
    expected <- list(statistic = w$statistic, p = w$p.value)
    if (!correct) expected$z <- statistic(coin::wilcox_test(v ~ g, d, distribution = "asymptotic"))
    record(paste(name, "normal", alt, if (correct) "corrected" else "plain", sep = "_"), "rank_sum", s$data,
           c(s$arguments, list(alternative = sub("[.]", "-", alt), exact = FALSE, correct = correct)), expected)
  }
}

differences <- list(
  depression = c(0.952, -0.147, 1.022, 0.43, 0.62, 0.59, 0.49, -0.08, 0.01),  # Hollander and Wolfe, as in ?wilcox.test
  ties = c(1, -1, 2, 0, 3, 3, -2, 5, 0, 4, -1), all_up = c(1, 1, 2, 2, 3), one = 2.5,
  many = floor((shipped$small$age - 45) / 5), tied = floor((shipped$cohort$age[1:60] - 50) / 4))
for (name in names(differences)) {
  x <- differences[[name]]; d <- data.frame(a = x, b = 0)
  data <- list(difference = I(x))
  if (length(x) < 50) for (alt in c("two.sided", "greater", "less")) {
    w <- suppressWarnings(wilcox.exact(x, alternative = alt, exact = TRUE))
    record(paste(name, "exact", alt, sep = "_"), "signed_rank", data,
           list(alternative = sub("[.]", "-", alt), exact = TRUE), list(statistic = w$statistic, p = w$p.value))
  }
  for (zero in c("Pratt", "Wilcoxon")) {
    arguments <- list(zeros = tolower(zero), correct = FALSE)
    z <- wilcoxsign_test(a ~ b, d, zero.method = zero, distribution = "asymptotic")
    record(paste(name, "normal", zero, sep = "_"), "signed_rank", data, c(arguments, list(exact = FALSE)),
           list(z = statistic(z), p = pvalue(z)))
    if (length(x) < 50) record(paste(name, "exact", zero, sep = "_"), "signed_rank", data, c(arguments, list(exact = TRUE)),
           list(p = pvalue(wilcoxsign_test(a ~ b, d, zero.method = zero, distribution = "exact"))))
  }
  w <- wilcox.test(x, exact = FALSE, correct = TRUE)
  record(paste0(name, "_normal_corrected"), "signed_rank", data, list(exact = FALSE, correct = TRUE),
         list(statistic = w$statistic, p = w$p.value))
}

several <- list(
  ozone = typed(May = c(41, 36, 12, 18, 28, 23, 19, 8), July = c(135, 49, 32, 64, 40, 77, 97, 97), Sept = c(96, 78, 73, 91, 47, 32, 20)),
  small_age_risk = of("small", "age", "risk"), cohort_age_centre = of("cohort", "age", "centre"),
  cohort_wbc_risk_tied = of("cohort", "wbc", "risk", 5), tied_time_centre = of("tied", "time", "centre"),
  tiny_ties = typed(a = c(1, 2, 2), b = c(2, 3, 4), c = c(5, 5, 6)), tiny = typed(a = c(2.9, 3.0, 2.5), b = c(3.8, 2.7), c = c(2.8, 3.4, 3.7)),
  trend = typed(a = c(40, 35, 38, 43, 44, 41), b = c(38, 40, 47, 44, 40, 42), c = c(48, 40, 45, 43, 46, 44)),  # Hollander and Wolfe 6.2
  trend_no_ties = typed(a = c(1.2, 3.1, 0.4, 2.2), b = c(2.9, 3.3, 4.8, 1.7, 2.4), c = c(5.2, 4.1, 3.6)),
  two = typed(a = c(3, 5, 8, 8), b = c(1, 4, 5)))
dealt <- function(left, sizes) {  # every way to deal indices into groups
  if (length(sizes) == 1) return(list(list(left)))
  out <- list()
  for (pick in combn(length(left), sizes[1], simplify = FALSE))
    for (rest in dealt(left[-pick], sizes[-1])) out[[length(out) + 1]] <- c(list(left[pick]), rest)
  out
}
jt_of <- function(g) { s <- 0; for (i in seq_along(g)) for (j in seq_along(g)) if (i < j)
  s <- s + sum(outer(g[[i]], g[[j]], "<") + outer(g[[i]], g[[j]], "==") / 2); s }
jt_variance <- function(g) {
  n <- lengths(g); t <- as.numeric(table(unlist(g))); N <- sum(n)
  (N * (N - 1) * (2 * N + 5) - sum(n * (n - 1) * (2 * n + 5)) - sum(t * (t - 1) * (2 * t + 5))) / 72 +
    sum(n * (n - 1) * (n - 2)) * sum(t * (t - 1) * (t - 2)) / (36 * N * (N - 1) * (N - 2)) +
    sum(n * (n - 1)) * sum(t * (t - 1)) / (8 * N * (N - 1))
}
for (name in names(several)) {
  s <- several[[name]]; g <- s$groups; d <- long(g); v <- d$v
  k <- kruskal.test(v ~ g, d)
  record(paste0(name, "_chisq"), "kruskal_wallis", s$data, c(s$arguments, list(exact = FALSE)),
         list(statistic = k$statistic, df = k$parameter, p = k$p.value))
  tiny <- lfactorial(length(v)) - sum(lfactorial(lengths(g))) <= log(5000)
  if (tiny) {
    r <- rank(v); all <- dealt(seq_along(v), lengths(g))
    h <- sapply(all, function(a) sum(sapply(a, function(i) sum(r[i])^2 / length(i))))
    seen <- sum(tapply(r, d$g, sum)^2 / lengths(g))
    record(paste0(name, "_exact"), "kruskal_wallis", s$data, c(s$arguments, list(exact = TRUE)), list(p = mean(h >= seen - 1e-9)))
    var_all <- var(jts <- sapply(all, function(a) jt_of(lapply(a, function(i) v[i])))) * (length(all) - 1) / length(all)
    stopifnot(abs(var_all - jt_variance(g)) < 1e-9 * var_all)  # the formula is the variance over all divisions
  }
  jt <- jt_of(g); n <- lengths(g); z <- (jt - (sum(n)^2 - sum(n^2)) / 4) / sqrt(jt_variance(g))
  same <- suppressWarnings(jonckheere.test(v, as.integer(d$g)))
  stopifnot(abs(same$statistic - jt) < 1e-9)
  record(paste0(name, "_normal"), "jonckheere_terpstra", s$data, c(s$arguments, list(exact = FALSE)),
         list(statistic = jt, z = z, p = 2 * pnorm(-abs(z))))
  if (!anyDuplicated(v) && length(v) <= 100) {
    pdf <- clinfun:::jtpdf(n)
    up <- sum(pdf[(jt + 1):length(pdf)]); down <- sum(pdf[1:(jt + 1)])
    stopifnot(abs(2 * min(up, down, 0.5) - same$p.value) < 1e-9)
    for (alt in c("two-sided", "increasing", "decreasing"))
      record(paste(name, "exact", alt, sep = "_"), "jonckheere_terpstra", s$data, c(s$arguments, list(alternative = alt)),
             list(statistic = jt, p = switch(alt, "two-sided" = 2 * min(up, down, 0.5), increasing = up, decreasing = down)))
  }
}

# Hodges-Lehmann. Without ties wilcox.test is exact. With ties its uniroot stops at 1e-4: the jump it looks for is found
# here by trying every step of the pairwise differences, and must lie within 1e-3 of what wilcox.test gives.
step <- function(pairs, z_at, z) {
  d <- sort(unique(pairs)); between <- c(d[1] - 1, (d[-1] + d[-length(d)]) / 2, d[length(d)] + 1)
  values <- sapply(between, z_at); d[which(values[-1] < z)[1]]
}
corrected <- function(away, correct) away - if (correct) sign(away) * 0.5 else 0
for (name in names(c(two, large["cohort_wbc_tied"]))) {
  s <- c(two, large)[[name]]; x <- s$groups[[1]]; y <- s$groups[[2]]; m <- length(x); n <- length(y)
  if (!anyDuplicated(c(x, y))) for (level in c(0.9, 0.95, 0.99)) {
    w <- suppressWarnings(wilcox.test(x, y, conf.int = TRUE, conf.level = level, exact = TRUE))
    q <- max(1, qwilcox((1 - level) / 2, m, n))
    record(paste(name, "exact", level, sep = "_"), "hodges_lehmann", s$data, c(s$arguments, list(level = level, exact = TRUE)),
           list(estimate = w$estimate, lower = w$conf.int[1], upper = w$conf.int[2], attained = max(0, 1 - 2 * pwilcox(q - 1, m, n))))
  }
  if (min(m, n) < 2 || name %in% c("heavy")) next
  for (correct in c(TRUE, FALSE)) {
    pairs <- outer(x, y, "-")
    z_at <- function(d) { r <- rank(c(x - d, y)); t <- table(r); N <- m + n
      corrected(sum(r[1:m]) - m * (m + 1) / 2 - m * n / 2, correct) / sqrt(m * n / 12 * (N + 1 - sum(t^3 - t) / (N * (N - 1)))) }
    if (length(unique(c(pairs))) > 3000) next
    ends <- c(step(pairs, z_at, qnorm(0.975)), step(pairs, z_at, qnorm(0.025)))
    w <- wilcox.test(x, y, conf.int = TRUE, exact = FALSE, correct = correct)
    if (max(abs(c(ends - w$conf.int, median(pairs) - w$estimate))) > 1e-3) cat(name, correct, ends, w$conf.int, median(pairs), w$estimate, "\n")
    record(paste(name, "normal", if (correct) "corrected" else "plain", sep = "_"), "hodges_lehmann", s$data,
           c(s$arguments, list(exact = FALSE, correct = correct)),
           list(estimate = median(pairs), lower = ends[1], upper = ends[2]))
  }
}
for (name in names(differences)) {
  x <- differences[[name]]; data <- list(difference = I(x)); x <- x[x != 0]; walsh <- outer(x, x, "+") / 2; walsh <- walsh[!lower.tri(walsh)]
  if (!anyDuplicated(abs(x))) for (level in c(0.8, 0.95)) {
    w <- suppressWarnings(wilcox.test(x, conf.int = TRUE, conf.level = level, exact = TRUE)); n <- length(x)
    q <- max(1, qsignrank((1 - level) / 2, n))
    record(paste(name, "exact", level, sep = "_"), "pseudomedian", data, list(level = level, exact = TRUE),
           list(estimate = w$estimate, lower = w$conf.int[1], upper = w$conf.int[2], attained = max(0, 1 - 2 * psignrank(q - 1, n))))
  }
  if (length(x) < 8) next
  z_at <- function(d) { xd <- x - d; r <- rank(abs(xd)); t <- table(r); n <- length(x)
    corrected(sum(r[xd > 0]) - n * (n + 1) / 4, TRUE) / sqrt(n * (n + 1) * (2 * n + 1) / 24 - sum(t^3 - t) / 48) }
  ends <- c(step(walsh, z_at, qnorm(0.975)), step(walsh, z_at, qnorm(0.025)))
  w <- suppressWarnings(wilcox.test(x, conf.int = TRUE, exact = FALSE))
  if (max(abs(c(ends - w$conf.int, median(walsh) - w$estimate))) > 1e-3) cat("pseudo", name, ends, w$conf.int, median(walsh), w$estimate, "\n")
  record(paste0(name, "_normal"), "pseudomedian", data, list(exact = FALSE),
         list(estimate = median(walsh), lower = ends[1], upper = ends[2]))
}

t_values <- function(t) list(t = t$statistic, df = t$parameter, p = t$p.value, lower = t$conf.int[1], upper = t$conf.int[2], std_error = t$stderr)
for (name in names(c(two, large))) {
  s <- c(two, large)[[name]]; x <- s$groups[[1]]; y <- s$groups[[2]]
  if (min(lengths(s$groups)) < 2) next
  for (equal in c(FALSE, TRUE)) {
    t <- t.test(x, y, var.equal = equal)
    record(paste(name, if (equal) "pooled" else "welch", sep = "_"), "t_test", s$data, c(s$arguments, list(equal_variances = equal)), t_values(t))
  }
  v <- (var(x) + var(y)) / 2
  record(name, "standardised_difference", s$data, s$arguments, list(value = (mean(x) - mean(y)) / sqrt(v)))
  m <- length(x); n <- length(y); df <- m + n - 2
  d <- (mean(x) - mean(y)) / sqrt(((m - 1) * var(x) + (n - 1) * var(y)) / df)
  j <- exp(lgamma(df / 2) - log(sqrt(df / 2)) - lgamma((df - 1) / 2)); g <- j * d; se <- sqrt(1 / m + 1 / n + g^2 / (2 * (m + n)))
  record(name, "hedges_g", s$data, s$arguments, list(d = d, correction = j, g = g, std_error = se, lower = g - qnorm(0.975) * se, upper = g + qnorm(0.975) * se))
}
for (alt in c("greater", "less")) {
  s <- two$ties; t <- t.test(s$groups$x, s$groups$y, alternative = alt, conf.level = 0.9)
  record(paste0("ties_", alt), "t_test", s$data, list(alternative = alt, level = 0.9), t_values(t))
}
for (name in names(differences)) if (length(differences[[name]]) > 1) {
  t <- t.test(differences[[name]])
  record(name, "paired_t_test", list(difference = I(differences[[name]])), none, t_values(t))
}
for (name in names(several)) for (equal in c(FALSE, TRUE)) {
  s <- several[[name]]; d <- long(s$groups); o <- oneway.test(v ~ g, d, var.equal = equal)
  record(paste(name, if (equal) "equal" else "welch", sep = "_"), "one_way_anova", s$data, c(s$arguments, list(equal_variances = equal)),
         list(f = o$statistic, df = o$parameter, p = o$p.value))
}
singles <- list(ages = shipped$small$age, tied = shipped$tied$time, five = c(3, 1, 4, 1, 5), wbc = shipped$cohort$wbc, six = c(2.5, 9, 4, 7, 1, 8))
for (name in names(singles)) for (p in c(0.5, 0.25, 0.9)) for (level in c(0.9, 0.95)) {
  x <- sort(singles[[name]]); n <- length(x)
  l <- qbinom((1 - level) / 2, n, p); u <- qbinom((1 - level) / 2, n, p, lower.tail = FALSE) + 1
  record(paste(name, p, level, sep = "_"), "quantile_interval", list(x = I(singles[[name]])), list(p = p, level = level),
         list(value = unname(quantile(x, p)), lower = if (l < 1) -Inf else x[l], upper = if (u > n) Inf else x[u],
              attained = pbinom(u - 1, n, p) - pbinom(l - 1, n, p)))
}
packages <- sapply(c("coin", "exactRankTests", "clinfun"), function(p) as.character(packageVersion(p)))
write_json(list(program = sub(" \\(.*", "", sub("version ", "", R.version.string)), packages = as.list(packages),
                script = "tests/reference/record_values.R", cases = cases),
           file.path(verify, "reference", "values.json"), auto_unbox = TRUE, digits = NA, pretty = 1)
cat(length(cases), "cases\n")
