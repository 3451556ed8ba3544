# Records multistate estimates: mstate (msfit, probtrans, ELOS, events) and survival::survfit with istate.
# Run: Rscript tests/reference/record_multistate.R  (writes src/chartline/verify/reference/multistate.json)
suppressMessages({library(survival); library(mstate); library(jsonlite)})
root <- file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "..", "..", "src", "chartline", "verify")
full <- function(x) { x <- as.numeric(x); ifelse(is.na(x), NA, sprintf("%.17g", x)) }
cases <- list()
add <- function(id, statistic, data, arguments, expected, ...)
  cases[[length(cases) + 1]] <<- list(id = id, statistic = statistic, data = data, arguments = arguments, expected = expected, ...)
days <- list(cohort = c(50, 200, 365, 700), tied = c(120, 300, 480), small = c(60, 200, 400))
# one row a subject and state: from 1 (start) or 2 (passed), to 0 (censored), 2 (passed), 3 (end), 4 (second end)
process <- function(d, ends) {
  to <- ifelse(d$status == 0, 0, if (ends == 2) d$status + 2 else 3)
  p <- !is.na(d$transplant)
  first <- p & d$transplant <= d$entry  # passed before they came
  one <- p & !first
  r <- rbind(data.frame(id = d$id, from = ifelse(first, 2, 1), t0 = d$entry, t1 = ifelse(one, d$transplant, d$time), to = ifelse(one, 2, to)),
             data.frame(id = d$id, from = 2, t0 = d$transplant, t1 = d$time, to = to)[one, ])
  r[order(r$id, r$t0), ]
}
long <- function(r, tmat) do.call(rbind, lapply(seq_len(max(tmat, na.rm = TRUE)), function(k) {
  w <- which(tmat == k, arr.ind = TRUE)
  x <- r[r$from == w[1], ]
  data.frame(id = x$id, from = w[1], to = w[2], trans = k, t0 = x$t0, t1 = x$t1, status = 1 * (x$to == w[2])) }))
fits <- function(r, tmat) lapply(c(aalen = "aalen", greenwood = "greenwood"), function(v)
  suppressWarnings(msfit(coxph(Surv(t0, t1, status) ~ strata(trans), long(r, tmat), method = "breslow"), trans = tmat, vartype = v)))
rows <- function(x) as.vector(t(as.matrix(x)))  # days x states, day by day
record <- function(id, name, d, ends, a = list(), since = 0) {
  tmat <- if (ends == 2) transMat(list(c(2, 3, 4), c(3, 4), c(), c()), c("start", "passed", "relapse", "dead")) else trans.illdeath()
  r <- process(d, ends); S <- nrow(tmat); at <- days[[name]]; h <- fits(r, tmat); a$ends <- ends
  if (max(r$t1) < 1e6) for (v in names(h)) for (start in 1:2) {
    for (s in unique(c(0, since))) {
      p <- suppressWarnings(probtrans(h[[v]], s, method = v)[[start]])
      when <- at[at > s]; q <- p[findInterval(when, p$time), ]
      b <- c(a, list(days = when, start = c("start", "passed")[start], since = s, variance = v))
      add(paste(id, "from", b$start, "at", s, v), "state_probability", name, b,
          list(probability = full(rows(q[, 2:(S + 1)])), std_error = full(rows(q[, (S + 2):(2 * S + 1)]))))
    }
  }
  z <- h$aalen$Haz; va <- h$aalen$varHaz; vg <- h$greenwood$varHaz
  e <- list()
  for (k in seq_len(max(tmat, na.rm = TRUE))) {
    w <- which(tmat == k, arr.ind = TRUE); x <- z[z$trans == k, ]; i <- findInterval(at, x$time)
    if (max(x$Haz) > 0) e[[paste(rownames3(tmat)[w[1]], "to", rownames3(tmat)[w[2]])]] <-
      list(estimate = full(x$Haz[i]), aalen = full(sqrt(va$varHaz[va$trans1 == k & va$trans2 == k][i])),
           greenwood = full(sqrt(vg$varHaz[vg$trans1 == k & vg$trans2 == k][i])))
  }
  add(id, "transition_hazard", name, c(a, list(days = at)), e)
  p <- suppressWarnings(probtrans(h$greenwood, 0, method = "greenwood"))
  until <- max(at) - 7
  for (start in 1:2) add(paste(id, "from", start), "length_of_stay", name, c(a, list(start = c("start", "passed")[start], until = until)),
                         list(days = full(suppressWarnings(ELOS(p, until))[start, ])))
  n <- sapply(1:S, function(j) sapply(1:S, function(k) sum(r$from == j & r$to == k)))
  seen <- sapply(1:S, function(j) sum(r$from == j & r$to == 0)); gone <- rowSums(t(n))
  seen <- ifelse(gone + seen == 0, colSums(t(n)), seen)
  add(id, "transition_counts", name, a, list(moves = as.vector(n), last_seen = seen, entered = gone + seen))
}
rownames3 <- function(tmat) if (nrow(tmat) == 4) c("start", "passed", "relapse", "dead") else c("start", "passed", "dead")
for (name in names(days)) {
  d <- read.csv(file.path(root, "data", paste0(name, ".csv")), comment.char = "#"); d$count <- d$id %% 3 + 1
  z <- transform(d, entry = 0); at <- days[[name]]
  record(name, name, z, 1, since = 45); record(paste(name, "two ends"), name, z, 2)
  x <- z[rep(seq_len(nrow(z)), z$count), ]; x$id <- seq_len(nrow(x))
  record(paste(name, "counts"), name, x, 1, list(count = "id % 3 + 1"))
  if (name == "cohort") record(paste(name, "late entry"), name, d, 1, list(entry = "entry"))
  # survfit: infinitesimal jackknife; without late entry everyone starts in one state
  for (ends in 1:2) for (entry in c(FALSE, TRUE)) {
    r <- process(if (entry) d else z, ends)
    f <- survfit(Surv(t0, t1, factor(to, c(0, 2:(ends + 2)))) ~ 1, r, id = id, istate = factor(from, 1:(ends + 2)), conf.type = "log-log")
    k <- match(as.character(1:(ends + 2)), f$states); s <- summary(f, times = at)
    add(paste(name, "survfit", ends, if (entry) "late entry"), "state_probability", name,
        c(list(ends = ends, days = at, variance = "jackknife"), if (entry) list(entry = "entry")),
        list(probability = full(rows(s$pstate[, k])), std_error = full(rows(s$std.err[, k])), lower = full(rows(s$lower[, k])),
             upper = full(rows(s$upper[, k])), at_risk = rows(s$n.risk[, k])))
    if (!entry) {
      u <- residuals(f, times = max(at), type = "auc")
      # the mean itself is ELOS's, above: print(f, rmean) of survival 3.5-3 leaves out the days before the first event
      add(paste(name, "survfit", ends), "length_of_stay", name, list(ends = ends, start = "start", until = max(at), variance = "jackknife"),
          list(std_error = full(sqrt(colSums(u^2))[k])))
    }
  }
}
versions <- sapply(c("survival", "mstate"), function(p) as.character(packageVersion(p)))
write_json(list(program = paste("R", getRversion()), packages = as.list(versions), script = "tests/reference/record_multistate.R", cases = cases),
           file.path(root, "reference", "multistate.json"), auto_unbox = TRUE, na = "null", pretty = 1)
