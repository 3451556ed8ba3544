# Records precision and power: expected intervals, log-rank events and sample sizes, one-arm designs.
# Run: Rscript record_planning.R  (writes src/chartline/verify/reference/planning.json)
suppressMessages({library(jsonlite); library(clinfun)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
verify <- file.path(here, "..", "..", "src", "chartline", "verify")
full <- function(x) ifelse(is.na(x), "NA", sprintf("%.17g", as.numeric(x)))
cases <- list()
none <- setNames(list(), character(0))
record <- function(id, statistic, arguments, expected, ...) {
  cases[[length(cases) + 1]] <<- list(id = id, statistic = statistic, data = none, arguments = arguments,
                                      expected = lapply(expected, full), ...)
}
interval <- function(k, n, method, level) suppressWarnings(
  if (method == "wilson") prop.test(k, n, conf.level = level, correct = FALSE) else binom.test(k, n, conf.level = level))$conf.int
width <- function(n, p, method, level) sum(dbinom(0:n, n, p) * sapply(0:n, function(k) diff(interval(k, n, method, level))))
for (method in c("clopper_pearson", "wilson")) for (n in c(1, 11, 32, 200)) for (p in c(0, 0.1, 0.59375)) {
  level <- if (n == 11) 0.9 else 0.95
  i <- interval(round(n * p), n, method, level)
  record(paste(method, n, p, sep = "_"), "interval_precision", list(n = n, rate = p, method = method, level = level),
         list(width = width(n, p, method, level), count = round(n * p), lower = i[1], upper = i[2]))
}
for (method in c("clopper_pearson", "wilson")) for (p in c(0.1, 0.5)) for (w in c(0.2, 0.3)) {
  n <- 1; while (width(n, p, method, 0.95) > w) n <- n + 1
  record(paste("smallest_n", method, p, w, sep = "_"), "interval_precision", list(width = w, rate = p, method = method),
         list(n = n, width = width(n, p, method, 0.95)))
}
for (n in c(1, 11, 32, 1000)) {
  record(paste0("two_sided_", n), "upper_bound_of_none", list(n = n), list(upper = binom.test(0, n)$conf.int[2]))
  record(paste0("one_sided_", n), "upper_bound_of_none", list(n = n, one_sided = TRUE),
         list(upper = binom.test(0, n, alternative = "less")$conf.int[2]))
}
band <- function(s, half, scale) switch(scale, plain = c(max(0, s - half * s), min(1, s + half * s)), log = c(s * exp(-half), min(1, s * exp(half))),
                                        "log-log" = exp(-exp(log(-log(s)) + c(1, -1) * half / -log(s))))
for (scale in c("log-log", "log", "plain")) for (s in c(0.28125, 0.46875, 0.9)) for (lost in c(0, 0.2)) {
  n <- 32; event <- -log(s); loss <- -log(1 - lost)
  # Greenwood's integral over (0, 1): hazard / (n S G)
  v <- integrate(function(u) event * exp((event + loss) * u), 0, 1, rel.tol = 1e-13)$value / n
  b <- band(s, qnorm(0.975) * sqrt(v), scale)
  d <- n * integrate(function(u) event * exp(-(event + loss) * u), 0, 1, rel.tol = 1e-13)$value
  record(paste(scale, s, lost, sep = "_"), "survival_precision", list(n = n, survival = s, lost = lost, scale = scale),
         list(std_error = s * sqrt(v), lower = b[1], upper = b[2], events = d))
}
for (d in c(10, 23, 100)) for (p in c(0.5, 0.3)) {
  se <- sqrt(1 / (d * p) + 1 / (d * (1 - p)))
  record(paste(d, p, sep = "_"), "hazard_ratio_precision", list(events = d, allocation = p, hazard_ratio = 0.7),
         list(std_error = se, factor = exp(qnorm(0.975) * se), lower = 0.7 * exp(-qnorm(0.975) * se), upper = 0.7 * exp(qnorm(0.975) * se)))
}

z <- function(alpha, sides) qnorm(1 - alpha / sides)
events_of <- function(hr, power, alpha, sides, p, formula) {
  k <- p / (1 - p)
  (z(alpha, sides) + qnorm(power))^2 * if (formula == "schoenfeld") 1 / (p * (1 - p) * log(hr)^2) else ((1 + k * hr) / (1 - hr))^2 / k
}
for (formula in c("schoenfeld", "freedman")) for (hr in c(0.5, 0.74, 1.8)) for (p in c(0.5, 2 / 3)) {
  sides <- if (hr == 0.74) 1 else 2
  d <- events_of(hr, 0.8, 0.05, sides, p, formula)
  if (formula == "schoenfeld") {  # clinfun iterates to 1e-5
    same <- gsdesign.survival(1, hr, r = p / (1 - p), sig.level = 0.05, power = 0.8, alternative = if (sides == 1) "one.sided" else "two.sided")
    stopifnot(abs(same$num.events / d - 1) < 1e-4)
  }
  record(paste(formula, hr, round(p, 2), sep = "_"), "logrank_events",
         list(hazard_ratio = hr, power = 0.8, sides = sides, allocation = p, formula = formula), list(events = d, rounded = ceiling(d)))
  k <- p / (1 - p); drift <- sqrt(55) * if (formula == "schoenfeld") sqrt(p * (1 - p)) * abs(log(hr)) else sqrt(k) * abs(1 - hr) / (1 + k * hr)
  record(paste(formula, hr, round(p, 2), sep = "_"), "logrank_power",
         list(events = 55, hazard_ratio = hr, sides = sides, allocation = p, formula = formula), list(power = pnorm(drift - z(0.05, sides))))
}
probability <- function(rate, accrual, follow_up, dropout) {
  seen <- function(x) rate / (rate + dropout) * (1 - exp(-(rate + dropout) * x))
  if (accrual == 0) seen(follow_up) else integrate(seen, follow_up, follow_up + accrual, rel.tol = 1e-13)$value / accrual
}
designs <- list(c(24, 12, 0), c(24, 12, 0.01), c(36, 0, 0.005), c(0, 18, 0.02), c(1e-3, 1e-3, 1e-4))
for (i in seq_along(designs)) for (rate in c(0.03, 0.0001)) {
  d <- designs[[i]]
  record(paste(i, rate, sep = "_"), "event_probability", list(hazard = rate, accrual = d[1], follow_up = d[2], dropout = d[3]),
         list(probability = probability(rate, d[1], d[2], d[3])))
}
for (i in 1:4) for (formula in c("schoenfeld", "freedman", "lachin_foulkes")) for (p in c(0.5, 0.6)) {
  d <- designs[[i]]; m <- 10; hr <- 0.65; c0 <- log(2) / m; e0 <- c0 * hr
  pc <- probability(c0, d[1], d[2], d[3]); pe <- probability(e0, d[1], d[2], d[3])
  if (formula == "lachin_foulkes") {
    v <- function(rate) rate^2 / probability(rate, d[1], d[2], d[3])
    null <- sqrt(v((1 - p) * c0 + p * e0) * (1 / p + 1 / (1 - p))); alt <- sqrt(v(e0) / p + v(c0) / (1 - p))
    n <- ((z(0.05, 2) * null + qnorm(0.9) * alt) / (c0 - e0))^2
    power <- pnorm((sqrt(150) * (c0 - e0) - z(0.05, 2) * null) / alt)
  } else {
    n <- events_of(hr, 0.9, 0.05, 2, p, formula) / (p * pe + (1 - p) * pc); k <- p / (1 - p); ev <- 150 * (p * pe + (1 - p) * pc)
    power <- pnorm(sqrt(ev) * (if (formula == "schoenfeld") sqrt(p * (1 - p)) * -log(hr) else sqrt(k) * (1 - hr) / (1 + k * hr)) - z(0.05, 2))
  }
  record(paste(i, formula, p, sep = "_"), "logrank_sample_size",
         list(median_control = m, hazard_ratio = hr, accrual = d[1], follow_up = d[2], dropout = d[3], allocation = p, formula = formula,
              power = 0.9, n = 150),
         list(n = n, rounded = ceiling(n), events = n * (p * pe + (1 - p) * pc), events_control = n * (1 - p) * pc,
              events_experimental = n * p * pe, power_of_n = power))
}

rates <- list(c(0.2, 0.4), c(0.05, 0.25), c(0.1, 0.3), c(0.5, 0.7), c(0.7, 0.9))
for (r in rates) for (e in list(c(0.05, 0.8), c(0.05, 0.9), c(0.1, 0.9))) {
  id <- paste(r[1], r[2], e[1], e[2], sep = "_"); arguments <- list(p0 = r[1], p1 = r[2], alpha = e[1], power = e[2])
  s <- ph2single(r[1], r[2], e[1], 1 - e[2], nsoln = 1)
  # its Type I error is a difference from 1: the tail itself keeps more digits
  record(id, "one_arm_design", arguments, list(n = s$n, r = s$r, alpha = pbinom(s$r, s$n, r[1], lower.tail = FALSE),
                                               power = pbinom(s$r, s$n, r[2], lower.tail = FALSE)))
  out <- ph2simon(r[1], r[2], e[1], 1 - e[2])$out
  pick <- function(row) {
    d <- out[row, ]; x <- (d["r1"] + 1):d["n1"]
    reject <- function(p) sum(dbinom(x, d["n1"], p) * pbinom(d["r"] - x, d["n"] - d["n1"], p, lower.tail = FALSE))
    list(r1 = d["r1"], n1 = d["n1"], r = d["r"], n = d["n"], expected_n = d["EN(p0)"], stops_early = d["PET(p0)"],
         alpha = reject(r[1]), power = reject(r[2]))
  }
  for (kind in c("optimal", "minimax"))
    record(paste(id, kind, sep = "_"), "simon_two_stage", c(arguments, list(kind = kind)),
           pick(if (kind == "optimal") which.min(out[, "EN(p0)"]) else 1))
}
for (n in c(10, 32)) record(paste0("n_", n), "one_arm_design", list(n = n, p0 = 0.3, p1 = 0.55), {
  r <- qbinom(0.95, n, 0.3); list(n = n, r = r, alpha = pbinom(r, n, 0.3, lower.tail = FALSE), power = pbinom(r, n, 0.55, lower.tail = FALSE)) })
for (i in 1:4) for (shape in c(1, 0.7, 1.5)) for (variance in c("wu", "classic")) {
  d <- designs[[i]]; m <- 9; hr <- 0.6; a <- d[1]; f <- d[2]
  L <- function(t) log(2) * (t / m)^shape
  l <- function(t) log(2) * shape / m * (t / m)^(shape - 1)
  G <- function(t) exp(-d[3] * t) * if (a == 0) 1 else pmin(1, (a + f - t) / a)
  # by s = t^shape below 1, where the hazard is infinite at 0
  over <- function(of) { g <- function(s) { t <- s^(1 / shape); of(t) * G(t) * exp(-hr * L(t)) * log(2) / m^shape }
    ends <- unique(c(0, f, a + f))^shape
    sum(sapply(seq_len(length(ends) - 1), function(j) integrate(g, ends[j], ends[j + 1], rel.tol = 1e-13, subdivisions = 2000)$value)) }
  v0 <- over(function(t) 1); v1 <- hr * v0; v00 <- over(L); v01 <- hr * v00
  s1 <- sqrt(v1 - v1^2 + 2 * v00 - v0^2 - 2 * v01 + 2 * v0 * v1); s0 <- sqrt(if (variance == "wu") (v0 + v1) / 2 else v0)
  record(paste(i, shape, variance, sep = "_"), "one_sample_logrank_power",
         list(median_null = m, hazard_ratio = hr, accrual = a, follow_up = f, dropout = d[3], shape = shape, variance = variance, n = 32),
         list(power = pnorm((sqrt(32) * (v0 - v1) - qnorm(0.95) * s0) / s1), events_null = 32 * v0, events_alternative = 32 * v1,
              size = ((qnorm(0.95) * s0 + qnorm(0.8) * s1) / (v0 - v1))^2))
}
write_json(list(program = sub(" \\(.*", "", sub("version ", "", R.version.string)),
                packages = list(clinfun = as.character(packageVersion("clinfun"))),
                script = "tests/reference/record_planning.R", cases = cases),
           file.path(verify, "reference", "planning.json"), auto_unbox = TRUE, digits = NA, pretty = 1)
cat(length(cases), "cases\n")
