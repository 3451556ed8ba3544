# Records cumulative incidence (survival::survfit, mstate::probtrans, cmprsk::cuminc) and Gray's test (cmprsk::cuminc).
# Run: Rscript tests/reference/record_competing.R  (writes src/chartline/verify/reference/competing.json)
suppressMessages({library(survival); library(cmprsk); library(mstate); library(jsonlite)})
root <- file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "..", "..", "src", "chartline", "verify")
full <- function(x) { x <- as.numeric(x); ifelse(is.na(x), NA, sprintf("%.17g", x)) }
cases <- list()
add <- function(id, statistic, data, arguments, expected, ...)
  cases[[length(cases) + 1]] <<- list(id = id, statistic = statistic, data = data, arguments = arguments, expected = expected, ...)
days <- list(cohort = c(30, 100.5, 365, 700, 1100), tied = c(60, 180, 200, 420, 900), small = c(20, 96, 200, 365, 500))
read <- function(name) {
  d <- read.csv(file.path(root, "data", paste0(name, ".csv")), comment.char = "#")
  d$count <- d$id %% 3 + 1
  d
}
shares <- function(e, k) list(estimate = full(e$pstate[, k]), std_error = full(e$std.err[, k]), lower = full(e$lower[, k]), upper = full(e$upper[, k]))
states <- function(e) list(event_free = shares(e, 1), causes = list(shares(e, 2), shares(e, 3)), at_risk = e$n.risk[, 1])

for (name in names(days)) {
  d <- read(name); at <- days[[name]]
  for (type in c("log-log", "log", "plain")) {
    f <- survfit(Surv(time, factor(status, 0:2)) ~ 1, d, conf.type = type)
    add(paste(name, type), "cumulative_incidence", name, list(days = at, interval = type), states(summary(f, times = at, extend = TRUE)))
  }
  for (by in c("arm", "risk")) for (g in sort(unique(d[[by]]))) {
    f <- survfit(Surv(time, factor(status, 0:2)) ~ 1, d[d[[by]] == g, ], conf.type = "log-log", conf.int = 0.9)
    add(paste(name, by, g), "cumulative_incidence", name, list(days = at, by = by, group = g, level = 0.9),
        states(summary(f, times = at, extend = TRUE)))
  }
  r <- d[rep(seq_len(nrow(d)), d$count), ]
  f <- survfit(Surv(time, factor(status, 0:2)) ~ 1, r, conf.type = "log-log")
  add(paste(name, "counts"), "cumulative_incidence", name, list(days = at, count = "id % 3 + 1"), states(summary(f, times = at, extend = TRUE)))
  # late entry: survfit's infinitesimal jackknife, and Greenwood's form by mstate
  f <- survfit(Surv(entry, time, factor(status, 0:2)) ~ 1, d, id = id, conf.type = "log-log")
  late <- at
  add(paste(name, "late entry"), "cumulative_incidence", name, list(days = late, entry = "entry", variance = "jackknife"),
      states(summary(f, times = late, extend = TRUE)))
  long <- do.call(rbind, lapply(1:2, function(k) data.frame(entry = d$entry, time = d$time, trans = k, status = 1 * (d$status == k))))
  h <- msfit(coxph(Surv(entry, time, status) ~ strata(trans), long, method = "breslow"), trans = trans.comprisk(2), vartype = "greenwood")
  p <- suppressWarnings(probtrans(h, 0, method = "greenwood")[[1]])
  p <- p[findInterval(late, p$time), ]
  add(paste(name, "late entry, greenwood"), "cumulative_incidence", name, list(days = late, entry = "entry"),
      list(event_free = list(estimate = full(p$pstate1), std_error = full(p$se1)),
           causes = list(list(estimate = full(p$pstate2), std_error = full(p$se2)), list(estimate = full(p$pstate3), std_error = full(p$se3)))))
  for (who in c("whole", "counts")) {
    x <- if (who == "whole") d else r
    v <- timepoints(cuminc(x$time, x$status), at[at <= max(d$time)])
    a <- list(days = at[at <= max(d$time)]); if (who == "counts") a$count <- "id % 3 + 1"
    add(paste(name, "cuminc", who), "cumulative_incidence_gray", name, a,
        list(estimate = list(full(v$est[1, ]), full(v$est[2, ])), variance = list(full(v$var[1, ]), full(v$var[2, ]))))
  }
  f <- survfit(Surv(time, factor(status, 0:2)) ~ 1, d, conf.type = "log-log")
  e <- summary(f, times = at, extend = TRUE)
  add(name, "relapse_nrm_rfs", name, list(days = at),
      list(relapse = shares(e, 2), non_relapse_mortality = shares(e, 3), relapse_free_survival = shares(e, 1)))
  gray <- function(id, x, by, strata = NULL, rho = 0, count = FALSE) {
    t <- (if (is.null(strata)) cuminc(x$time, x$status, x[[by]], rho = rho)
          else cuminc(x$time, x$status, x[[by]], x[[strata]], rho = rho))$Tests
    a <- list(by = by, rho = rho); if (!is.null(strata)) a$strata <- strata; if (count) a$count <- "id % 3 + 1"
    for (k in 1:2) add(paste(id, k), "gray", name, c(a, list(cause = k)),
                       list(chisq = full(t[k, "stat"]), df = t[k, "df"], p = full(pchisq(t[k, "stat"], t[k, "df"], lower.tail = FALSE))))
  }
  gray(paste(name, "arm"), d, "arm"); gray(paste(name, "risk"), d, "risk"); gray(paste(name, "centre"), d, "centre")
  gray(paste(name, "risk, rho 1"), d, "risk", rho = 1); gray(paste(name, "risk, rho -0.5"), d, "risk", rho = -0.5)
  gray(paste(name, "risk by arm"), d, "risk", "arm"); gray(paste(name, "arm by risk, rho 0.5"), d, "arm", "risk", 0.5)
  gray(paste(name, "risk, counts"), r, "risk", count = TRUE)
}
d <- read.csv(file.path(root, "data", "freireich.csv"), comment.char = "#")
for (arm in c("6-MP", "placebo")) {
  f <- summary(survfit(Surv(weeks, relapse) ~ 1, d[d$arm == arm, ]), times = c(6, 10, 16))
  add(paste("one cause", arm), "cumulative_incidence", "freireich", list(days = c(6, 10, 16), by = "arm", group = arm),
      list(event_free = list(estimate = full(f$surv), std_error = full(f$std.err)),
           causes = list(list(estimate = full(1 - f$surv), std_error = full(f$std.err)))), source = "R survfit, 1 - Kaplan-Meier")
}
t <- cuminc(d$weeks, d$relapse, d$arm)$Tests
add("freireich", "gray", "freireich", list(by = "arm", cause = 1, rho = 0), list(chisq = full(t[1, 1]), df = 1, p = full(pchisq(t[1, 1], 1, lower.tail = FALSE))))
versions <- sapply(c("survival", "cmprsk", "mstate"), function(p) as.character(packageVersion(p)))
write_json(list(program = paste("R", getRversion()), packages = as.list(versions), script = "tests/reference/record_competing.R", cases = cases),
           file.path(root, "reference", "competing.json"), auto_unbox = TRUE, na = "null", pretty = 1)
