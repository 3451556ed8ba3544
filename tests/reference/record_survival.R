# Records survival::survfit on small data typed here: all interval types, times, quantiles, left truncation, edges.
# Run: Rscript record_survival.R  (writes survival.json)
suppressMessages(library(survival)); library(jsonlite)
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
full <- function(x) ifelse(is.na(x), "NA", sprintf("%.17g", x))
sets <- list(
  ties = list(time = c(3, 3, 3, 5, 5, 8, 8, 8, 8, 12, 15, 15), status = c(1, 1, 0, 1, 0, 1, 1, 0, 0, 1, 0, 1)),
  half_on_a_flat_part = list(time = c(1, 2, 3, 4, 10, 11, 12, 13), status = c(1, 1, 1, 1, 0, 1, 1, 0)),
  half_until_the_end = list(time = c(1, 2, 3, 4, 10, 20), status = c(1, 1, 1, 0, 0, 0)),
  quarters_exact = list(time = c(10, 20, 30, 40), status = c(1, 1, 1, 1)),
  all_censored = list(time = c(5, 9, 9, 30), status = c(0, 0, 0, 0)),
  all_events = list(time = c(1, 4, 4, 6, 7, 20, 22), status = rep(1, 7)),
  all_at_once = list(time = c(6, 6, 6), status = c(1, 1, 1)),
  censored_first = list(time = c(2, 4, 6, 8, 9), status = c(0, 1, 0, 1, 1)),
  day_zero = list(time = c(0, 0, 3, 9, 14), status = c(1, 0, 1, 0, 1)),
  one_event = list(time = 7, status = 1),
  one_censored = list(time = 7, status = 0),
  two_patients = list(time = c(4, 9), status = c(1, 0)),
  leukaemia_maintained = list(time = c(9, 13, 13, 18, 23, 28, 31, 34, 45, 48, 161), status = c(1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0)),
  leukaemia_not = list(time = c(5, 5, 8, 8, 12, 16, 23, 27, 30, 33, 43, 45), status = c(1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1)),
  late_entry = list(entry = c(0, 0, 3, 3, 4, 6, 0, 8), time = c(5, 7, 9, 12, 8, 9, 15, 20), status = c(1, 1, 0, 1, 1, 1, 0, 1)),
  late_entry_ties = list(entry = c(0, 2, 2, 5, 5, 5, 7), time = c(5, 5, 9, 9, 9, 11, 11), status = c(1, 0, 1, 1, 0, 1, 0)),
  a_hundred = list(time = (1:100 * 37) %% 101 * 7, status = as.integer((1:100 * 53) %% 97 %% 3 > 0)))
probs <- c(0.05, 0.1, 0.25, 0.5, 0.75, 0.9)
one <- function(name, d, type, level) {
  s <- if (is.null(d$entry)) Surv(d$time, d$status) else Surv(d$entry, d$time, d$status)
  f <- survfit(s ~ 1, conf.type = type, conf.int = level)
  at <- sort(unique(c(0, 1, min(d$time), max(d$time), 4.5, 8, 12, 365.25)))
  e <- summary(f, times = at, extend = TRUE)
  q <- quantile(f, probs)
  list(set = name, type = type, level = level, entry = if (is.null(d$entry)) rep(0, length(d$time)) else d$entry,
       data_time = d$time, status = d$status,
       fit = list(time = f$time, n_risk = f$n.risk, n_event = f$n.event, n_censor = f$n.censor, surv = full(f$surv),
                  se = full(f$std.err * f$surv), lower = full(f$lower), upper = full(f$upper)),
       at = list(time = at, n_risk = e$n.risk, surv = full(e$surv), lower = full(e$lower), upper = full(e$upper)),
       quantile = list(p = probs, time = full(q$quantile), lower = full(q$lower), upper = full(q$upper)))
}
rows <- list()
for (name in names(sets)) for (type in c("log-log", "log", "plain"))
  for (level in if (name == "ties") c(0.8, 0.95, 0.99) else 0.95) rows[[length(rows) + 1]] <- one(name, sets[[name]], type, level)
write_json(list(R = R.version.string, survival = as.character(packageVersion("survival")), rows = rows),
           file.path(here, "survival.json"), auto_unbox = FALSE, digits = NA)
