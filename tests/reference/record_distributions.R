# Records R's pbeta, qbeta, pnorm, qnorm, pchisq, pt, qt, pf and qgamma over wide ranges. Run: Rscript record_distributions.R  (writes distributions.json)
library(jsonlite)
# every double as text with 17 digits: jsonlite itself keeps 15
exact <- function(d) { d[] <- lapply(d, function(x) if (is.double(x)) sprintf("%.17g", x) else x); d }
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
shapes <- expand.grid(n = c(1, 2, 5, 11, 19, 32, 100, 1000, 54321, 1e6, 1e7),
                      share = c(0, 0.001, 0.03125, 0.25, 0.5, 0.59375, 0.9, 0.999, 1))
shapes$k <- round(shapes$n * shapes$share)
shapes <- unique(shapes[, c("n", "k")])
q <- do.call(rbind, lapply(seq_len(nrow(shapes)), function(i) {
  n <- shapes$n[i]; k <- shapes$k[i]
  do.call(rbind, lapply(c(0.05, 0.005, 5e-7), function(tail) data.frame(
    n = n, k = k, tail = tail,
    lower = if (k == 0) 0 else qbeta(tail, k, n - k + 1),
    upper = if (k == n) 1 else qbeta(tail, k + 1, n - k, lower.tail = FALSE))))
}))
p <- expand.grid(a = c(0.5, 1, 2.5, 19, 300, 12345, 4e6), b = c(0.5, 1, 7, 32, 1000, 1e6), z = c(-4, -2, -0.3, 0, 1, 3))
mean <- p$a / (p$a + p$b)
sd <- sqrt(mean * (1 - mean) / (p$a + p$b + 1))
p$x <- pmin(pmax(mean + p$z * sd, mean / 8), (1 + 7 * mean) / 8)
p$z <- NULL
p <- unique(p)
p$cdf <- pbeta(p$x, p$a, p$b)
p$sf <- pbeta(p$x, p$a, p$b, lower.tail = FALSE)
z <- data.frame(p = c(1e-300, 1e-12, 0.005, 0.025, 0.2, 0.5, 0.9, 0.975, 0.995, 1 - 1e-9))
z$z <- qnorm(z$p)
upper <- data.frame(z = c(-37, -10, -2, -1e-9, 0, 0.5, 1.959964, 5, 10, 30, 37))
upper$sf <- pnorm(upper$z, lower.tail = FALSE)
chisq <- expand.grid(x = c(0, 1e-10, 0.001, 0.5, 1, 3.841459, 16.79294, 50, 500, 1300, 1370), df = c(1, 2, 3, 5, 10, 100, 1000))
chisq$sf <- pchisq(chisq$x, chisq$df, lower.tail = FALSE)
t <- expand.grid(t = c(-30, -2, 0, 1e-9, 1.5, 5, 40, 1e4, 1e10, 1e60), df = c(1, 2, 3.5, 10, 31, 1e3, 1e7))
t$sf <- pt(t$t, t$df, lower.tail = FALSE)
tq <- expand.grid(p = c(1e-12, 0.005, 0.025, 0.2, 0.5, 0.9, 0.975, 0.9995), df = c(1, 2, 3.5, 10, 31, 1e3, 1e7))
tq$t <- qt(tq$p, tq$df)
f <- expand.grid(f = c(0, 1e-8, 0.5, 1, 3, 20, 1e3, 1e20), df1 = c(1, 2, 5, 30), df2 = c(1, 3.5, 31, 1e6))
f$sf <- pf(f$f, f$df1, f$df2, lower.tail = FALSE)
g <- expand.grid(p = c(5e-7, 0.005, 0.025, 0.5), shape = c(1, 2, 5, 32, 1001, 1e7))
g$lower <- qgamma(g$p, g$shape)
g$upper <- qgamma(g$p, g$shape, lower.tail = FALSE)
write_json(list(R = R.version.string, qbeta = exact(q), pbeta = exact(p), qnorm = exact(z),
                pnorm = exact(upper), pchisq = exact(chisq), pt = exact(t), qt = exact(tq), pf = exact(f),
                qgamma = exact(g)),
           file.path(here, "distributions.json"), auto_unbox = TRUE, dataframe = "rows")
