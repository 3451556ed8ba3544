# Records curves, restricted means, hazards, landmark survival, follow-up and sensitivity to the censored: survival,
# survRM2 and muhaz on the shipped data. Run: Rscript record_survival_statistics.R
# (writes src/chartline/verify/reference/survival.json)
suppressMessages({library(survival); library(survRM2); library(muhaz); library(jsonlite)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
root <- normalizePath(file.path(here, "..", "..", "src", "chartline", "verify"))
shipped <- function(name) read.csv(file.path(root, "data", paste0(name, ".csv")), comment.char = "#")
full <- function(x) ifelse(is.na(x), "NA", sprintf("%.17g", x))
cases <- list()
add <- function(id, statistic, data, arguments, expected, ...) {
  expected <- lapply(expected, function(x) if (is.null(names(x))) { if (length(x) == 1) unbox(full(x)) else full(x) } else lapply(as.list(x), function(y) unbox(full(y))))
  arguments <- lapply(arguments, function(x) if (is.list(x) || length(x) > 1 || inherits(x, "AsIs")) unclass(x) else unbox(x))
  cases[[length(cases) + 1]] <<- c(list(id = unbox(id), statistic = unbox(statistic), data = unbox(data), arguments = arguments, expected = expected), lapply(list(...), unbox))
}

# every data set as entry, time, status (0, 1, 2), arm, centre
read_set <- function(name) {
  d <- shipped(name)
  if (name == "freireich") data.frame(entry = 0, time = d$weeks, status = d$relapse, arm = d$arm, centre = as.character(d$pair %% 3), id = seq_len(nrow(d)))
  else d[, c("entry", "time", "status", "arm", "centre", "id")]
}
sets <- sapply(c("cohort", "tied", "small", "freireich"), read_set, simplify = FALSE)
times_of <- list(cohort = c(30, 100, 182.625, 365.25, 900), tied = c(60, 180, 365.25, 600), small = c(60, 182.625, 365.25, 700), freireich = c(6, 10, 20, 30))
tau_of <- list(cohort = 730, tied = 600, small = 500, freireich = 20)
# a subset: arm, late entry or not, weights (id %% 3 + 1 copies of each)
part <- function(name, arm = NULL, entry = FALSE, weights = FALSE) {
  d <- sets[[name]]
  if (!is.null(arm)) d <- d[d$arm == arm, ]
  if (!entry) d$entry <- 0
  if (weights) d <- d[rep(seq_len(nrow(d)), d$id %% 3 + 1), ]
  d$event <- as.integer(d$status > 0)
  d
}
surv_of <- function(d) if (any(d$entry > 0)) Surv(d$entry, d$time, d$event) else Surv(d$time, d$event)
fit_of <- function(d, ...) survfit(surv_of(d) ~ 1, ...)
how <- list(
  list(set = "cohort", args = list(), label = "cohort"),
  list(set = "cohort", args = list(arm = "B"), label = "cohort arm B"),
  list(set = "cohort", args = list(entry = TRUE), label = "cohort, late entry"),
  list(set = "cohort", args = list(arm = "A", entry = TRUE, weights = TRUE), label = "cohort arm A, late entry, counts"),
  list(set = "tied", args = list(), label = "tied"),
  list(set = "tied", args = list(entry = TRUE, arm = "A"), label = "tied arm A, late entry"),
  list(set = "small", args = list(), label = "small"),
  list(set = "small", args = list(entry = TRUE), label = "small, late entry"),
  list(set = "freireich", args = list(arm = "6-MP"), label = "Freireich 6-MP"),
  list(set = "freireich", args = list(arm = "placebo"), label = "Freireich placebo"))
take <- function(h) do.call(part, c(list(h$set), h$args))
scales <- c("log-log", "log", "plain", "logit", "arcsin")
probs <- c(0.1, 0.25, 0.5, 0.75, 0.9)
at <- function(fit, x, times) x[findInterval(times, fit$time)]

for (h in how) {
  d <- take(h); times <- times_of[[h$set]]
  for (scale in scales) for (variance in c("greenwood", "tsiatis")) {
    level <- if (scale == "log") 0.9 else 0.95
    fit <- fit_of(d, conf.type = scale, conf.int = level)
    if (variance == "tsiatis") {
      ends <- survival:::survfit_confint(fit$surv, fit$std.chaz, logse = TRUE, scale, level)
      fit$lower <- ends$lower; fit$upper <- ends$upper; fit$std.err <- fit$std.chaz
    }
    args <- c(h$args, list(interval = scale, level = level, variance = variance))
    id <- paste0(h$label, ", ", scale, ", ", variance)
    add(paste("S(t):", id), "survival", h$set, c(args, list(times = times)),
        list(survival = at(fit, fit$surv, times), std_error = at(fit, fit$std.err * fit$surv, times),
             lower = at(fit, fit$lower, times), upper = at(fit, fit$upper, times)))
    if (variance == "greenwood") {
      q <- quantile(fit, probs)
      add(paste("quantiles:", id), "median", h$set, c(args, list(p = probs)),
          list(time = unname(q$quantile), lower = unname(q$lower), upper = unname(q$upper)))
    }
  }
  fit <- fit_of(d)
  add(paste("first time:", h$label), "first_time", h$set, c(h$args, list(survival = 0.5)),
      list(time = if (any(fit$surv <= 0.5)) min(fit$time[fit$surv <= 0.5]) else NA))
  # cumulative hazard and exp(-H)
  for (ctype in 1:2) {
    ties <- c("nelson-aalen", "fleming-harrington")[ctype]
    f <- fit_of(d, stype = 2, ctype = ctype, conf.type = "log-log")
    g <- fit_of(d, stype = 2, ctype = ctype, conf.type = "log")
    add(paste0("H(t): ", h$label, ", ", ties), "cumulative_hazard", h$set, c(h$args, list(ties = ties, times = times)),
        list(hazard = at(f, f$cumhaz, times), std_error = at(f, f$std.chaz, times),
             lower_log = at(f, -log(f$upper), times), upper_log = at(f, -log(f$lower), times),
             lower_plain = at(g, -log(g$upper), times), upper_plain = at(g, -log(g$lower), times)))
    for (scale in c("log-log", "plain")) {
      f <- fit_of(d, stype = 2, ctype = ctype, conf.type = scale)
      q <- quantile(f, probs)
      add(paste0("exp(-H): ", h$label, ", ", ties, ", ", scale), "hazard_survival", h$set,
          c(h$args, list(ties = ties, interval = scale, times = times, p = probs)),
          list(survival = at(f, f$surv, times), std_error = at(f, f$std.err * f$surv, times), lower = at(f, f$lower, times),
               upper = at(f, f$upper, times), quantile = unname(q$quantile), quantile_lower = unname(q$lower),
               quantile_upper = unname(q$upper)))
    }
  }
  # restricted mean: survival, and survRM2 where nobody enters late
  for (tau in tau_of[[h$set]] * c(0.5, 1)) {
    t <- survival:::survmean(survfit0(fit), rmean = tau)$matrix
    add(paste0("mean: ", h$label, ", tau ", tau), "restricted_mean", h$set, c(h$args, list(tau = tau)),
        list(mean = t[["rmean"]], std_error = t[["se(rmean)"]]))
    if (!any(d$entry > 0)) {
      r <- survRM2:::rmst1(d$time, d$event, tau, 0.1)$result
      add(paste0("survRM2: ", h$label, ", tau ", tau), "restricted_mean", h$set, c(h$args, list(tau = tau, level = 0.9)),
          list(mean = r[1, 1], std_error = r[1, 2], lower = r[1, 3], upper = r[1, 4],
               lost = r[2, 1], lost_lower = r[2, 3], lost_upper = r[2, 4]))
    }
  }
  # landmark: start.time, and the rows by hand where somebody leaves on the landmark itself
  for (s in c(times[1] + 0.5, min(d$time[d$event == 1 & d$time > times[1]]))) {
    keep <- d[d$time > s, ]
    for (scale in c("log-log", "plain")) {
      f <- if (any(d$time == s)) fit_of(transform(keep, entry = pmax(entry, s)), conf.type = scale) else fit_of(d, start.time = s, conf.type = scale)
      later <- times[times > min(f$time)]
      add(paste0("S(t | ", s, "): ", h$label, ", ", scale), "landmark_survival", h$set,
          c(h$args, list(landmark = s, interval = scale, times = I(later))),
          list(survival = at(f, f$surv, later), std_error = at(f, f$std.err * f$surv, later),
               lower = at(f, f$lower, later), upper = at(f, f$upper, later), n = nrow(keep)))
    }
  }
  # hazard by interval
  ends <- sort(unique(pmin(c(times, max(d$time)), max(d$time)))); start <- c(0, ends[-length(ends)])
  x <- t(sapply(seq_along(ends), function(i) {
    person_time <- sum(pmax(0, pmin(d$time, ends[i]) - pmax(d$entry, start[i])))
    events <- sum(d$event == 1 & d$time > start[i] & d$time <= ends[i])
    ci <- poisson.test(events, person_time, conf.level = 0.9)$conf.int
    c(events, person_time, events / person_time, ci)
  }))
  add(paste0("hazard by interval: ", h$label), "piecewise_hazard", h$set, c(h$args, list(ends = ends, level = 0.9)),
      list(events = x[, 1], person_time = x[, 2], rate = x[, 3], lower = x[, 4], upper = x[, 5]))
  # reverse Kaplan-Meier
  for (scale in c("log-log", "log", "plain")) {
    r <- fit_of(transform(d, event = 1 - event), conf.type = scale)
    q <- quantile(r, 0.5)
    add(paste0("follow-up: ", h$label, ", ", scale), "follow_up", h$set, c(h$args, list(interval = scale)),
        list(median = unname(q$quantile), lower = unname(q$lower), upper = unname(q$upper)))
  }
}

# smoothed hazard: muhaz takes ties in the order of the rows, so events first; the error is Klein and Moeschberger's, here
boundary <- function(q, x) ifelse(x <= q, 12 * (x + 1) / (1 + q)^4 * ((3 * q^2 - 2 * q + 1) / 2 + x * (1 - 2 * q)), 0)
for (h in how[c(1, 2, 5, 7, 9, 10)]) {
  d <- take(h); d <- d[order(d$time, -d$event), ]
  end <- tau_of[[h$set]]
  for (b in end * c(0.1, 0.3)) {
    m <- muhaz(d$time, d$event, max.time = end, bw.method = "global", bw.grid = b, b.cor = "both", bw.pilot = b)
    i <- seq(1, 101, by = 10); z <- m$est.grid[i]
    n <- nrow(d); dh2 <- d$event / (n - seq_len(n) + 1)^2
    se <- sapply(z, function(z) {
      u <- (z - d$time) / b; near <- abs(u) < 1
      k <- if (z >= b && z <= end - b) 0.75 * (1 - u^2) else if (z < b) boundary(z / b, u) else boundary((end - z) / b, -u)
      sqrt(sum((k^2 * dh2)[near])) / b
    })
    add(paste0("smoothed: ", h$label, ", bandwidth ", b), "smoothed_hazard", h$set,
        c(h$args, list(bandwidth = b, until = end, times = z)), list(hazard = m$haz.est[i], std_error = se))
  }
}

# two groups
for (name in names(sets)) for (tau in tau_of[[name]] * c(0.5, 1)) for (weights in c(FALSE, TRUE)) {
  d <- part(name, weights = weights); arms <- if (name == "freireich") c("6-MP", "placebo") else c("A", "B")
  r <- rmst2(d$time, d$event, as.integer(d$arm == arms[2]), tau = tau)$unadjusted.result
  three <- function(i) c(value = r[i, 1], lower = r[i, 2], upper = r[i, 3], p = r[i, 4])
  add(paste0("two arms: ", name, ", tau ", tau, if (weights) ", counts"), "restricted_mean_comparison", name,
      list(tau = tau, weights = weights), list(difference = three(1), ratio = three(2), lost_ratio = three(3)))
}
# the default tau of survRM2
for (name in names(sets)) {
  d <- part(name); arms <- if (name == "freireich") c("6-MP", "placebo") else c("A", "B")
  r <- suppressMessages(rmst2(d$time, d$event, as.integer(d$arm == arms[2])))
  add(paste0("two arms: ", name, ", longest tau"), "restricted_mean_comparison", name, list(weights = FALSE),
      list(tau = r$tau, difference = c(value = r$unadjusted.result[1, 1], p = r$unadjusted.result[1, 4])))
}

# follow-up rates to a horizon
for (name in names(sets)) {
  d <- part(name); horizon <- tau_of[[name]]
  seen <- pmin(d$time, horizon); event <- d$event == 1 & d$time <= horizon
  mean <- survival:::survmean(survfit0(fit_of(d)), rmean = horizon)$matrix[["rmean"]]
  add(paste0("rates: ", name), "follow_up_rates", name, list(horizon = horizon),
      list(percentage = mean(event | d$time >= horizon), clark = sum(seen) / sum(ifelse(event, seen, horizon)),
           formal = sum(seen) / (nrow(d) * mean), simplified = sum(ifelse(event, horizon, seen)) / (nrow(d) * horizon),
           observed = sum(seen)))
  add(paste0("completeness: ", name), "completeness", name, list(horizon = horizon),
      list(ratio = sum(seen) / sum(ifelse(event, seen, horizon))))
}

# the lost: status 2 is "lost" here, status 1 the event
for (name in c("cohort", "tied", "small")) for (entry in c(FALSE, TRUE)) {
  d <- part(name, entry = entry); t <- 365.25; end <- 1500
  s_at <- function(d) { f <- fit_of(d, conf.type = "log-log"); c(at(f, f$surv, t), at(f, f$lower, t), at(f, f$upper, t)) }
  x <- list(observed = s_at(transform(d, event = as.integer(status == 1))), worst = s_at(d),
            best = s_at(transform(d, event = as.integer(status == 1), time = ifelse(status == 2, end, time))))
  add(paste0("lost: ", name, if (entry) ", late entry"), "lost_bounds", name, list(at = t, end = end, entry = entry),
      c(list(lost = sum(d$status == 2), lost_before = sum(d$status == 2 & d$time < t)), x))
}

# tipping point, step by step
for (h in how[c(1, 2, 3, 5, 7, 9)]) for (of in c("survival", "lower")) for (order in c("latest first", "earliest first")) {
  d <- take(h); t <- tau_of[[h$set]] * 0.9
  value <- function(d) { f <- fit_of(d, conf.type = "log-log"); at(f, if (of == "survival") f$surv else f$lower, t) }
  from <- value(d); threshold <- from - 0.05
  who <- which(d$event == 0 & d$time < t); who <- who[order(d$time[who], decreasing = order == "latest first")]
  k <- 0; x <- d
  while (value(x) >= threshold && k < length(who)) { k <- k + 1; x$event[who[k]] <- 1 }
  tipped <- value(x); if (tipped >= threshold) { k <- NA; tipped <- NA }
  x <- d; x$event[who] <- 1
  add(paste0("tipping: ", h$label, ", ", of, ", ", order), "tipping_point", h$set,
      c(h$args, list(landmark = t, threshold = threshold, of = of, order = order)),
      list(events = k, censored_before = length(who), observed = from, tipped = tipped, all_events = value(x)))
}

# leave one centre out: survival at a time
for (name in names(sets)) {
  d <- part(name); t <- tau_of[[name]] * 0.75
  s <- function(d) { f <- fit_of(d); at(f, f$surv, t) }
  x <- sapply(sort(unique(d$centre)), function(c) s(d[d$centre != c, ]))
  add(paste0("one centre out: ", name), "leave_one_out", name, list(at = t),
      list(base = s(d), values = x, lowest = min(x), highest = max(x)))
}

packages <- lapply(c(survival = "survival", survRM2 = "survRM2", muhaz = "muhaz"), function(p) unbox(as.character(packageVersion(p))))
out <- list(program = unbox(sub(" \\(.*", "", sub("R version", "R", R.version.string))), packages = packages,
            script = unbox("tests/reference/record_survival_statistics.R"), cases = cases)
dir.create(file.path(root, "reference"), showWarnings = FALSE)
writeLines(toJSON(out, digits = NA, null = "null"), file.path(root, "reference", "survival.json"))
cat(length(cases), "cases\n")
