# Records analyses of an event on the way (transplantation): survival::tmerge, survfit, survdiff and the score test of coxph.
# Run: Rscript record_intercurrent.R  (reads src/chartline/verify/data, writes src/chartline/verify/reference/intercurrent.json)
suppressMessages({library(survival); library(jsonlite)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
verify <- file.path(here, "..", "..", "src", "chartline", "verify")
full <- function(x) ifelse(is.na(x), "NA", sprintf("%.17g", x))
one <- function(x) unbox(full(unname(x)))
many <- function(x) I(full(as.vector(x)))
read <- function(name) read.csv(file.path(verify, "data", paste0(name, ".csv")), comment.char = "#")
sets <- list(cohort = read("cohort"), tied = read("tied"), small = read("small"))
cases <- list()
add <- function(id, statistic, data, arguments, expected, ...)
  cases[[length(cases) + 1]] <<- list(id = unbox(id), statistic = unbox(statistic), data = unbox(data),
                                      arguments = lapply(arguments, unbox), expected = expected, ...)
upper <- function(x, df) pchisq(x, df, lower.tail = FALSE)
label <- function(...) paste(c(...), collapse = " ")
# rows in counting-process form; with entry the time before it is cut off, and rows that end by then fall away
split_rows <- function(x, entry, cause = 0) {
  x$event <- as.integer(if (cause == 0) x$status > 0 else x$status == cause)
  out <- tmerge(x, x, id = id, dead = event(time, event), after = tdc(transplant))
  if (entry) { out$tstart <- pmax(out$tstart, out$entry); out <- out[out$tstop > out$tstart, ] }
  out
}
# --- Mantel-Byar: score test of coxph with exact ties (with many ties: the same sums, one death time after the other) ---
sums <- function(x, strata) {
  O <- E <- V <- 0
  for (s in unique(strata)) for (t in sort(unique(x$tstop[x$dead == 1 & strata == s]))) {
    risk <- strata == s & x$tstart < t & x$tstop >= t; n <- sum(risk); m <- sum(x$after[risk])
    d <- risk & x$tstop == t & x$dead == 1; k <- sum(d)
    O <- O + c(sum(d & x$after == 0), sum(d & x$after == 1)); E <- E + k * c(n - m, m) / n
    if (n > 1) V <- V + k * (n - k) / (n - 1) * m / n * (1 - m / n)
  }
  list(O = O, E = E, V = V)
}
for (name in names(sets)) for (entry in c(FALSE, TRUE)) for (strata in c(FALSE, TRUE)) for (cause in 0:1) {
  x <- split_rows(sets[[name]], entry, cause)
  h <- sums(x, if (strata) x$centre else rep(1, nrow(x))); chisq <- (h$O[2] - h$E[2])^2 / h$V
  rhs <- if (strata) Surv(tstart, tstop, dead) ~ after + strata(centre) else Surv(tstart, tstop, dead) ~ after
  cox <- name != "tied"  # coxph lists all subsets of the risk sets where times are (start, stop]: hopeless with many ties
  if (cox) {
    s <- coxph(rhs, data = x, ties = "exact", control = coxph.control(iter.max = 0))$score
    stopifnot(abs(s / chisq - 1) < 1e-9); chisq <- s
  }
  add(label(name, if (entry) "late entry", if (strata) "stratified", if (cause) paste("cause", cause), if (cox) "coxph exact score" else "by hand"),
      "mantel_byar", name, list(entry = entry, strata = strata, cause = cause),
      list(chisq = one(chisq), p = one(upper(chisq, 1)), z = one(sign(h$O[2] - h$E[2]) * sqrt(chisq)), observed = many(h$O), expected = many(h$E)))
}
# --- Simon-Makuch: survfit on the split rows, from the origin or from a landmark ---
for (name in names(sets)) for (L in c(0, 90, 180)) for (type in c("log-log", "log", "plain")) for (entry in c(FALSE, TRUE)) {
  if (L == 90 && type != "log-log" || name == "cohort" && (type != "log-log" || L == 90) || name == "tied" && entry || entry && type == "log") next
  x <- split_rows(sets[[name]], entry)
  x <- x[x$tstop > L, ]; x$tstart <- pmax(x$tstart, L)
  expected <- list()
  for (g in 0:1) {
    f <- survfit(Surv(tstart, tstop, dead) ~ 1, data = x[x$after == g, ], conf.type = type)
    k <- f$n.event + f$n.censor > 0  # times at which somebody only enters are no steps
    at <- c(200, 365, 500, 730)
    tail <- if (name == "cohort") seq(10, sum(k), by = 10) else seq_len(sum(k))
    pick <- function(v) many(v[k][tail])
    expected[[c("not_yet", "after")[g + 1]]] <- list(
      steps = one(sum(k)), times = pick(f$time), survival = pick(f$surv), std_error = pick(ifelse(f$surv == 0, NA, f$surv * f$std.err)),
      lower = pick(f$lower), upper = pick(f$upper), at_risk = pick(f$n.risk), events = pick(f$n.event),
      at = many(summary(f, times = at, extend = TRUE)$surv))
  }
  add(label(name, "from", L, type, if (entry) "late entry"), "simon_makuch", name,
      list(landmark = L, interval = type, entry = entry, every = if (name == "cohort") 10 else 1), expected)
}
# --- landmark and naive ---
for (name in names(sets)) for (L in c(60, 90, 91.3125, 180, 365)) for (strata in c(FALSE, TRUE)) {
  x <- sets[[name]]; x$event <- as.integer(x$status > 0)
  y <- x[x$time > L, ]; y$by <- !is.na(y$transplant) & y$transplant <= L
  if (length(unique(y$by)) < 2 || strata && name == "small") next
  f <- if (strata) survdiff(Surv(time - L, event) ~ by + strata(centre), data = y) else survdiff(Surv(time - L, event) ~ by, data = y)
  total <- function(m) if (is.matrix(m)) rowSums(m) else m
  add(label(name, "landmark", L, if (strata) "stratified"), "landmark_comparison", name, list(landmark = L, strata = strata),
      list(n = one(nrow(y)), n_by = one(sum(y$by)), n_not = one(sum(!y$by)), n_excluded = one(nrow(x) - nrow(y)),
           excluded_events = one(sum(x$event[x$time <= L])), chisq = one(f$chisq), p = one(upper(f$chisq, 1)),
           observed = many(total(f$obs)), expected = many(total(f$exp))))
}
for (name in names(sets)) for (strata in c(FALSE, TRUE)) {
  x <- sets[[name]]; x$event <- as.integer(x$status > 0); x$ever <- !is.na(x$transplant)
  f <- if (strata) survdiff(Surv(time, event) ~ ever + strata(centre), data = x) else survdiff(Surv(time, event) ~ ever, data = x)
  total <- function(m) if (is.matrix(m)) rowSums(m) else m
  add(label(name, "ever", if (strata) "stratified"), "naive_comparison", name, list(strata = strata),
      list(chisq = one(f$chisq), p = one(upper(f$chisq, 1)), observed = many(total(f$obs)), expected = many(total(f$exp)),
           immortal_time = one(sum(x$transplant, na.rm = TRUE)), person_time_ever = one(sum(x$time[x$ever]))))
}
version <- function(p) unbox(as.character(packageVersion(p)))
out <- list(program = unbox(paste("R", paste(R.version$major, R.version$minor, sep = "."))), packages = list(survival = version("survival")),
            script = unbox("tests/reference/record_intercurrent.R"), cases = cases)
dir.create(file.path(verify, "reference"), showWarnings = FALSE)
writeLines(toJSON(out, pretty = 1, auto_unbox = FALSE), file.path(verify, "reference", "intercurrent.json"))
cat(length(cases), "cases\n")
