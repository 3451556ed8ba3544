# Records binom.test and prop.test(correct = FALSE). Run: Rscript record_proportions.R  (writes proportions.json)
library(jsonlite)
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
exact <- function(d) { d[] <- lapply(d, function(x) if (is.double(x)) sprintf("%.17g", x) else x); d }
cases <- rbind(expand.grid(n = 0:8, N = 8), data.frame(
  n = c(0, 1, 19, 8, 11, 18, 13, 12, 28, 3, 0, 1, 500, 999999, 123456, 0),
  N = c(1, 1, 32, 32, 32, 19, 19, 32, 32, 32, 32, 1000, 1000, 1000000, 10000000, 10000000)))
rows <- do.call(rbind, lapply(c(0.8, 0.95, 0.99), function(level) do.call(rbind, lapply(seq_len(nrow(cases)), function(i) {
  n <- cases$n[i]; N <- cases$N[i]
  # binom.test's two-sided p-value is slow at large N; its interval is this pair of beta quantiles (stats:::binom.test)
  cp <- if (N <= 1000) binom.test(n, N, conf.level = level)$conf.int else
    c(if (n == 0) 0 else qbeta((1 - level) / 2, n, N - n + 1), if (n == N) 1 else qbeta(1 - (1 - level) / 2, n + 1, N - n))
  w <- suppressWarnings(prop.test(n, N, conf.level = level, correct = FALSE))$conf.int
  data.frame(n = n, N = N, level = level, cp_lower = cp[1], cp_upper = cp[2], w_lower = w[1], w_upper = w[2])
}))))
write_json(list(R = R.version.string, rows = exact(rows)), file.path(here, "proportions.json"), auto_unbox = TRUE)
