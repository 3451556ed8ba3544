# Records event rates (poisson.test) and mean cumulative counts: without deaths survival::survfit's cumulative hazard with
# its robust standard error, with deaths mets::recurrentMarginal.
# Run: Rscript tests/reference/record_events.R
source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "tables_cases.R"))
suppressMessages({library(survival); library(mets)})
for (p in list(c(0, 12.5), c(1, 3), c(7, 91.25), c(28, 4.2), c(120, 1000)))
  for (level in if (p[1] == 7) c(0.8, 0.95, 0.99) else 0.95) {
    t <- poisson.test(p[1], p[2], conf.level = level)
    add("event_rate", list(events = p[1], time = p[2]),
      list(rate = unname(t$estimate), lower = t$conf.int[1], upper = t$conf.int[2]), list(level = level))
  }
# One row a patient: the days of the events as text, the last day, whether dead.
pieces <- function(x) do.call(rbind, lapply(seq_along(x$end), function(i) {
  days <- as.numeric(strsplit(x$events[i], " ")[[1]])
  to <- unique(c(days, x$end[i]))
  data.frame(id = i, start = c(0, to[-length(to)]), stop = to, event = to %in% days, death = x$dead[i] & to == x$end[i])
}))
# Where patients die no two times are equal: mets takes a patient whose next piece begins at t out of the risk set at t.
made <- function(seed, n, die) {
  set.seed(seed)
  end <- if (die) 20 + sample(20000, n) / 200 + 0.0021 else sample(20:120, n, replace = TRUE)
  days <- lapply(end, function(e) sort(sample(seq_len(e - 1), rpois(1, e / 40)) + if (die) 0.001 * sample(1e6, 1) / 1e6 else 0))
  list(events = sapply(days, function(x) paste(format(x, digits = 15, trim = TRUE), collapse = " ")), end = end, dead = if (die) rbinom(n, 1, 0.5) == 1 else rep(FALSE, n))
}
small <- list(events = c("10 25", "15", "", "8", "", ""), end = c(60, 40, 30, 55, 50, 20), dead = c(FALSE, TRUE, TRUE, FALSE, FALSE, FALSE))
for (x in list(within(small, dead[] <- FALSE), small, made(1, 12, FALSE), made(2, 12, TRUE), made(3, 32, TRUE), made(4, 200, TRUE))) {
  d <- pieces(x)
  if (any(x$dead)) {
    o <- recurrentMarginal(phreg(Surv(start, stop, event) ~ cluster(id), data = d), phreg(Surv(start, stop, death) ~ cluster(id), data = d))
    f <- list(time = o$times, count = o$mu, se = o$se.mu)
  } else {
    s <- survfit(Surv(start, stop, event) ~ 1, data = d, id = id)
    f <- list(time = s$time, count = s$cumhaz, se = s$std.chaz)
  }
  at <- c(12, 30, 60, 90)
  i <- findInterval(at, f$time)
  read <- function(v) ifelse(i == 0, 0, v[pmax(i, 1)])
  add("mean_cumulative_count", list(events = x$events, end = x$end, dead = as.numeric(x$dead)),
    list(count = read(f$count), std_error = read(f$se)), list(days = at))
}
save_cases("events", "record_events.R", c("survival", "mets"))
