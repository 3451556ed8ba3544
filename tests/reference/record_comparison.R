# Records tests that compare survival curves: survival::survdiff, the score test of survival::coxph with exact ties,
# nph::logrank.test and logrank.maxtest, survMisc::comp, coin::logrank_test, and Klein & Moeschberger's formulas written out
# (chapter 7).
# Run: Rscript record_comparison.R  (reads src/chartline/verify/data, writes src/chartline/verify/reference/comparison.json)
suppressMessages({library(survival); library(nph); library(survMisc); library(coin); library(mvtnorm); library(jsonlite)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
verify <- file.path(here, "..", "..", "src", "chartline", "verify")
full <- function(x) ifelse(is.na(x), "NA", sprintf("%.17g", x))
one <- function(x) unbox(full(unname(x)))
many <- function(x) I(full(as.vector(x)))
read <- function(name) read.csv(file.path(verify, "data", paste0(name, ".csv")), comment.char = "#")
cohort <- read("cohort"); tied <- read("tied"); small <- read("small"); freireich <- read("freireich")
freireich$time <- freireich$weeks; freireich$status <- freireich$relapse; freireich$entry <- 0
freireich$centre <- freireich$pair; freireich$id <- seq_len(nrow(freireich))
sets <- list(cohort = cohort, tied = tied, small = small, freireich = freireich)
cases <- list()
add <- function(id, statistic, data, arguments, expected, ...)
  cases[[length(cases) + 1]] <<- list(id = unbox(id), statistic = unbox(statistic), data = unbox(data),
                                      arguments = lapply(arguments, unbox), expected = expected, ...)

# --- Klein & Moeschberger (7.3.3), (7.3.4), (7.4.1): one event time after the other, risk sets counted anew each time ---
by_hand <- function(d, weight, strata = rep(1, nrow(d))) {
  g <- sort(unique(d$g)); K <- length(g); O <- E <- numeric(K); V <- matrix(0, K, K)
  for (s in unique(strata)) {
    x <- d[strata == s, ]; km <- 1; peto <- 1
    for (t in sort(unique(x$time[x$event == 1]))) {
      risk <- x$entry < t & x$time >= t | (x$entry == 0 & x$time == 0 & t == 0)
      n <- sum(x$w[risk]); ng <- sapply(g, function(k) sum(x$w[risk & x$g == k]))
      dg <- sapply(g, function(k) sum(x$w[risk & x$g == k & x$time == t & x$event == 1])); dd <- sum(dg)
      peto <- peto * (1 - dd / (n + 1))
      w <- weight(n, km, peto)
      O <- O + w * dg; E <- E + w * dd * ng / n
      if (n > 1) V <- V + w^2 * dd * (n - dd) / (n - 1) * (diag(ng / n, K) - outer(ng / n, ng / n))
      km <- km * (1 - dd / n)
    }
  }
  U <- O - E
  list(O = O, E = E, V = V, U = U, chisq = drop(U[-1] %*% solve(V[-1, -1], U[-1])), df = K - 1)
}
trend_z <- function(f, a) sum(a * f$U) / sqrt(drop(a %*% f$V %*% a))
upper <- function(x, df) pchisq(x, df, lower.tail = FALSE)
weights <- list(logrank = function(n, km, peto) 1, gehan = function(n, km, peto) n, tarone_ware = function(n, km, peto) sqrt(n),
  peto = function(n, km, peto) km, peto_prentice = function(n, km, peto) peto, peto_modified = function(n, km, peto) peto * n / (n + 1))
fh <- function(rho, gamma) function(n, km, peto) km^rho * (1 - km)^gamma
frame <- function(name, group, cause = 0, entry = FALSE, counted = FALSE) {
  x <- sets[[name]]
  data.frame(time = x$time, event = as.integer(if (cause == 0) x$status > 0 else x$status == cause), g = x[[group]],
             entry = if (entry) x$entry else 0, w = if (counted) x$id %% 3 + 1 else 1, centre = x$centre)
}
values <- function(f) list(chisq = one(f$chisq), df = one(f$df), p = one(upper(f$chisq, f$df)), observed = many(f$O),
                           expected = many(f$E), variance = many(f$V))
label <- function(...) paste(c(...), collapse = " ")

# --- survdiff: rho 0 and 1, groups, strata, causes, counts (rows repeated) ---
surv <- function(x) Surv(x$time, x$event)
for (rho in 0:1) for (a in list(
    list("freireich", "arm"), list("freireich", "arm", strata = TRUE), list("small", "arm"), list("small", "risk"),
    list("tied", "arm"), list("tied", "risk"), list("tied", "risk", strata = TRUE), list("cohort", "arm"),
    list("cohort", "risk"), list("cohort", "centre"), list("cohort", "risk", strata = TRUE),
    list("cohort", "risk", cause = 1), list("cohort", "arm", cause = 2, strata = TRUE), list("small", "arm", strata = TRUE),
    list("tied", "arm", counted = TRUE), list("cohort", "risk", strata = TRUE, counted = TRUE))) {
  strata <- isTRUE(a$strata); cause <- if (is.null(a$cause)) 0 else a$cause; counted <- isTRUE(a$counted)
  x <- frame(a[[1]], a[[2]], cause, FALSE, counted); x <- x[rep(seq_len(nrow(x)), x$w), ]
  f <- if (strata) survdiff(surv(x) ~ g + strata(centre), data = x, rho = rho) else survdiff(surv(x) ~ g, data = x, rho = rho)
  total <- function(m) if (is.matrix(m)) rowSums(m) else m
  df <- length(f$n) - 1
  expected <- list(chisq = one(f$chisq), df = one(df), p = one(upper(f$chisq, df)), observed = many(total(f$obs)),
                   expected = many(total(f$exp)), variance = many(f$var))
  if (strata && a[[1]] != "freireich")
    expected <- c(expected, list(observed_by_stratum = many(f$obs), expected_by_stratum = many(f$exp)))
  add(label(a[[1]], a[[2]], if (strata) "stratified", if (cause) paste("cause", cause), if (counted) "counted", "survdiff rho", rho),
      if (rho) "peto_peto" else "logrank", a[[1]],
      list(group = a[[2]], strata = strata, cause = cause, counted = counted, weights = if (rho) "peto" else "logrank"), expected)
}

# --- late entry: score test of coxph with exact ties; observed and expected by hand ---
for (a in list(list("small", "arm"), list("small", "risk"), list("tied", "arm"), list("tied", "risk"), list("tied", "risk", TRUE),
               list("cohort", "arm"), list("cohort", "risk"), list("cohort", "risk", TRUE))) {
  strata <- length(a) > 2; x <- frame(a[[1]], a[[2]], 0, TRUE)
  h <- by_hand(x, weights$logrank, if (strata) x$centre else rep(1, nrow(x)))
  rhs <- if (strata) Surv(entry, time, event) ~ factor(g) + strata(centre) else Surv(entry, time, event) ~ factor(g)
  cox <- a[[1]] != "tied"  # coxph lists all subsets of the risk sets where times are (start, stop]: hopeless with many ties
  s <- if (cox) coxph(rhs, data = x, ties = "exact", control = coxph.control(iter.max = 0))$score else h$chisq
  stopifnot(abs(s / h$chisq - 1) < 1e-9)
  add(label(a[[1]], a[[2]], "late entry", if (strata) "stratified", if (cox) "coxph exact score" else "by hand"), "logrank", a[[1]],
      list(group = a[[2]], strata = strata, entry = TRUE, weights = "logrank"),
      list(chisq = one(s), df = one(h$df), p = one(upper(s, h$df)), observed = many(h$O), expected = many(h$E), variance = many(h$V)))
}
# two groups, no late entry, ties: the score of the exact partial likelihood is the log-rank test
s <- coxph(Surv(weeks, relapse) ~ arm, data = freireich, ties = "exact", control = coxph.control(iter.max = 0))$score
add("freireich exact-ties score", "logrank", "freireich", list(group = "arm", weights = "logrank"), list(chisq = one(s)))

# --- the weights that survdiff lacks, by hand ---
stat <- c(gehan = "gehan_breslow", tarone_ware = "tarone_ware", peto = "peto_peto", peto_prentice = "peto_prentice", peto_modified = "peto_modified")
for (w in names(stat)) for (a in list(
    list("freireich", "arm"), list("freireich", "arm", strata = TRUE), list("small", "arm"), list("tied", "risk"),
    list("cohort", "risk", strata = TRUE, entry = TRUE), list("tied", "arm", entry = TRUE, counted = TRUE, cause = 1))) {
  strata <- isTRUE(a$strata); entry <- isTRUE(a$entry); counted <- isTRUE(a$counted); cause <- if (is.null(a$cause)) 0 else a$cause
  x <- frame(a[[1]], a[[2]], cause, entry, counted)
  add(label(a[[1]], a[[2]], if (strata) "stratified", if (entry) "late entry", if (counted) "counted", w, "by hand"), stat[[w]], a[[1]],
      list(group = a[[2]], strata = strata, entry = entry, counted = counted, cause = cause, weights = w),
      values(by_hand(x, weights[[w]], if (strata) x$centre else rep(1, nrow(x)))))
}

# --- Fleming-Harrington: nph where it can, else by hand ---
for (rg in list(c(0, 0), c(0, 1), c(1, 0), c(1, 1), c(0.5, 0.5), c(0, 2))) {
  for (name in c("freireich", "small", "tied", "cohort")) {
    x <- frame(name, "arm")
    f <- logrank.test(x$time, x$event, x$g, rho = rg[1], gamma = rg[2])  # z of nph is that of the first group
    add(label(name, "arm nph", rg), "fleming_harrington", name, list(group = "arm", rho = rg[1], gamma = rg[2]),
        list(chisq = one(f$test$Chisq), z = one(-f$test$z), p = one(upper(f$test$Chisq, 1))))
  }
  x <- frame("cohort", "risk", 0, TRUE)
  add(label("cohort risk stratified late entry by hand", rg), "fleming_harrington", "cohort",
      list(group = "risk", strata = TRUE, entry = TRUE, rho = rg[1], gamma = rg[2]), values(by_hand(x, fh(rg[1], rg[2]), x$centre)))
}

# --- trend ---
scores <- c(high = 3, low = 1, mid = 2)
for (a in list(list("small"), list("tied"), list("tied", strata = TRUE), list("cohort"), list("cohort", strata = TRUE, entry = TRUE), list("cohort", cause = 1))) {
  strata <- isTRUE(a$strata); entry <- isTRUE(a$entry); cause <- if (is.null(a$cause)) 0 else a$cause
  x <- frame(a[[1]], "risk", cause, entry); x$score <- scores[x$g]
  rhs <- if (entry) Surv(entry, time, event) ~ score else Surv(time, event) ~ score
  if (strata) rhs <- update(rhs, . ~ . + strata(centre))
  f <- coxph(rhs, data = x, ties = "exact", control = coxph.control(iter.max = 0))
  h <- by_hand(x, weights$logrank, if (strata) x$centre else rep(1, nrow(x))); z <- trend_z(h, scores)
  stopifnot(abs(f$score / z^2 - 1) < 1e-9)
  add(label(a[[1]], "risk trend", if (strata) "stratified", if (entry) "late entry", if (cause) paste("cause", cause), "coxph exact score"),
      "logrank_trend", a[[1]], list(group = "risk", strata = strata, entry = entry, cause = cause, weights = "logrank", scores = "risk"),
      list(chisq = one(f$score), z = one(z), p = one(upper(f$score, 1))))
}
for (w in c("gehan", "tarone_ware", "peto_modified")) {
  x <- frame("tied", "risk"); z <- trend_z(by_hand(x, weights[[w]]), scores)
  add(label("tied risk trend", w, "by hand"), "logrank_trend", "tied", list(group = "risk", weights = w, scores = "risk"), list(chisq = one(z^2), z = one(z), p = one(upper(z^2, 1))))
}
x <- frame("cohort", "centre"); z <- trend_z(by_hand(x, weights$logrank), 0:4)
add("cohort centre trend default scores by hand", "logrank_trend", "cohort", list(group = "centre", weights = "logrank"), list(chisq = one(z^2), z = one(z), p = one(upper(z^2, 1))))

# --- a second reference for these weights and for trends: survMisc::comp, which shares no code with the formulas above ---
# survMisc 0.5.6 takes the variance of two groups by the events of each group, not by those of both, so it is wrong where an event
# time is common to both groups (survdiff differs from its log-rank test there). It is recorded where the two agree: three and more
# groups, and two groups without such times. comp gives expected - observed: of the first group, and sum(scores * it) for a trend,
# whose groups come as the first and then from the last to the second (its design matrix sorted).
in_comp <- c(gehan = "n", tarone_ware = "sqrtN", peto_prentice = "S1", peto_modified = "S2", peto = "FH_p=1_q=0", logrank = "1")
compared <- function(x, scores) {
  t <- ten(Surv(time, event) ~ g, data = x); f <- survdiff(surv(x) ~ g, data = x); as_comp <- c(1, length(f$n):2)
  invisible(capture.output(comp(t, p = 1, q = 0, scores = scores[as_comp])))
  out <- list(all = as.data.frame(attr(t, "lrt")), trend = as.data.frame(attr(t, "tft")$tft))
  excess <- colSums(as.data.frame(attr(t, "pred"))); excess <- excess[grepl("eMP", names(excess))]
  stopifnot(abs(out$all$chiSq[out$all$W == "1"] / f$chisq - 1) < 1e-12, max(abs(excess - (f$exp - f$obs)[as_comp])) < 1e-9)
  out
}
for (a in list(list("small", "risk"), list("small", "centre", cause = 1), list("tied", "risk", counted = TRUE), list("tied", "centre"),
               list("tied", "risk", cause = 1), list("cohort", "risk"), list("cohort", "centre", cause = 2, counted = TRUE),
               list("small", "arm", cause = 2, counted = TRUE), list("small", "arm", first = 21))) {
  cause <- if (is.null(a$cause)) 0 else a$cause; counted <- isTRUE(a$counted)
  x <- frame(a[[1]], a[[2]], cause, FALSE, counted); if (!is.null(a$first)) x <- x[seq_len(a$first), ]
  x <- x[rep(seq_len(nrow(x)), x$w), ]; k <- length(unique(x$g))
  f <- compared(x, if (a[[2]] == "risk") unname(scores[sort(unique(x$g))]) else seq_len(k) - 1)
  for (w in names(in_comp)) {
    arguments <- list(group = a[[2]], cause = cause, counted = counted, weights = w)
    if (!is.null(a$first)) arguments$first <- a$first
    id <- label(a[[1]], a[[2]], if (!is.null(a$first)) paste("first", a$first), if (cause) paste("cause", cause), if (counted) "counted")
    if (w != "logrank") {
      m <- f$all[f$all$W == in_comp[[w]], ]
      expected <- list(chisq = one(m$chiSq), df = one(m$df), p = one(upper(m$chiSq, m$df)))
      add(label(id, w, "survMisc::comp"), stat[[w]], a[[1]], arguments, if (k == 2) c(expected, list(z = one(m$Z))) else expected)
    }
    if (k > 2) {
      m <- f$trend[f$trend$W == in_comp[[w]], ]
      add(label(id, "trend", w, "survMisc::comp"), "logrank_trend", a[[1]], c(arguments, if (a[[2]] == "risk") list(scores = "risk")),
          list(chisq = one(m$chiSq), z = one(-m$Z), p = one(upper(m$chiSq, 1)), df = one(1)))
    }
  }
}

# --- max-combo ---
pairs_of <- function(rho, gamma) lapply(seq_along(rho), function(i) c(rho[i], gamma[i]))
combo <- function(x, rho, gamma, strata = rep(1, nrow(x))) {  # z of the second group and covariance, by hand
  m <- length(rho); U <- numeric(m); C <- matrix(0, m, m)
  for (i in seq_len(m)) U[i] <- by_hand(x, fh(rho[i], gamma[i]), strata)$U[2]
  for (i in seq_len(m)) for (j in seq_len(m))  # weights enter the variance squared: the root of their product gives the covariance
    C[i, j] <- by_hand(x, function(n, km, peto) sqrt(km^(rho[i] + rho[j]) * (1 - km)^(gamma[i] + gamma[j])), strata)$V[2, 2]
  list(z = U / sqrt(diag(C)), R = cov2cor(C), sd = sqrt(diag(C)))
}
pieces <- function(f, at) sum(sapply(seq_len(length(at) - 1), function(i)
  if (at[i + 1] > at[i]) integrate(f, at[i], at[i + 1], rel.tol = 1e-12, abs.tol = 1e-15, subdivisions = 2000L, stop.on.error = FALSE)$value else 0))
# 1 - P(|Z1|, |Z2|, |Z3| <= c, |alpha Z1 + beta Z2| <= c) for a normal vector with correlation R, by nested integrate
outside <- function(c0, R, alpha, beta) {
  r <- R[1, 2]; s2 <- sqrt(1 - r^2)
  b <- solve(R[1:2, 1:2], R[1:2, 3]); s3 <- sqrt(1 - sum(b * R[1:2, 3]))
  inner <- function(z1) sapply(z1, function(u) {
    lo <- max(-c0, (-c0 - alpha * u) / beta); hi <- min(c0, (c0 - alpha * u) / beta)
    if (hi <= lo) return(0)
    g <- function(v) dnorm(v, r * u, s2) * (pnorm((c0 - b[1] * u - b[2] * v) / s3) - pnorm((-c0 - b[1] * u - b[2] * v) / s3))
    mid <- c0 * c(-1, 1)
    pieces(g, sort(unique(c(lo, hi, pmin(hi, pmax(lo, c(mid - b[1] * u) / b[2])))))) * dnorm(u)
  })
  at <- c(-c0, c0, c(-1, 1) * c0 * (1 - beta) / alpha, c(-1, 1) * c0 * (1 + beta) / alpha)
  1 - pieces(inner, sort(unique(pmin(c0, pmax(-c0, at)))))
}
rho4 <- c(0, 0, 1, 1); gamma4 <- c(0, 1, 0, 1)
for (a in list(list("freireich"), list("small"), list("tied"), list("cohort"), list("cohort", strata = TRUE, entry = TRUE), list("tied", strata = TRUE), list("cohort", cause = 2, counted = TRUE))) {
  strata <- isTRUE(a$strata); entry <- isTRUE(a$entry); cause <- if (is.null(a$cause)) 0 else a$cause; counted <- isTRUE(a$counted)
  x <- frame(a[[1]], "arm", cause, entry, counted)
  m <- combo(x, rho4, gamma4, if (strata) x$centre else rep(1, nrow(x)))
  c0 <- max(abs(m$z)); at <- c(3, 2, 4)  # (1,0), (0,1), (1,1); (0,0) is their weighted sum: S + (1 - S) = 1
  p <- outside(c0, m$R[at, at], m$sd[3] / m$sd[1], m$sd[2] / m$sd[1])
  rough <- 1 - pmvnorm(rep(-c0, 4), rep(c0, 4), corr = m$R, algorithm = GenzBretz(maxpts = 5e5, abseps = 1e-6))
  stopifnot(abs(rough - p) < 2e-4)
  plain <- !strata && !entry && !counted
  if (plain) {
    set.seed(1)  # its integral is drawn at random
    f <- logrank.maxtest(x$time, x$event, x$g, rho = rho4, gamma = gamma4)
    stopifnot(max(abs(-f$tests$z - m$z)) < 1e-9, max(abs(f$korr - m$R)) < 1e-9)
  }
  args <- list(strata = strata, entry = entry, cause = cause, counted = counted)
  name <- label(a[[1]], if (strata) "stratified", if (entry) "late entry", if (counted) "counted")
  add(label(name, if (plain) "nph::logrank.maxtest" else "by hand", "z and correlation"), "max_combo", a[[1]], args,
      list(z = many(if (plain) -f$tests$z else m$z), correlation = many(if (plain) f$korr else m$R), statistic = one(c0)))
  add(label(name, "p by nested integrate"), "max_combo", a[[1]], args, list(p = one(p)))
  if (plain && f$pmult > 0.001)  # below, the error of nph is as large as p
    add(label(name, "p by nph::logrank.maxtest"), "max_combo", a[[1]], args, list(p = one(f$pmult)), digits = unbox(if (f$pmult > 0.01) 4 else 2),
        why = unbox("nph integrates by GenzBretz, at random, to an absolute error of 1e-5 to 5e-5"))
}
# three statistics of rank 2, three of rank 3, two, and four of rank 4
x <- frame("cohort", "arm"); y <- frame("small", "arm")
for (k in 1:4) {
  rho <- list(c(0, 0, 1), c(0, 0, 1), c(0, 0), c(0, 0, 2, 2))[[k]]; gamma <- list(c(0, 1, 0), c(0, 1, 1), c(0, 1), c(0, 2, 0, 2))[[k]]
  for (name in c("cohort", "small")) {
    m <- combo(if (name == "cohort") x else y, rho, gamma); c0 <- max(abs(m$z))
    p <- if (k == 1) {  # (0,0) is a weighted sum of the others: one integral over (1,0), the inner over (0,1) in closed form
      r <- m$R[2, 3]; al <- m$sd[3] / m$sd[1]; be <- m$sd[2] / m$sd[1]
      f <- function(u) dnorm(u) * pmax(0, pnorm((pmin(c0, (c0 - al * u) / be) - r * u) / sqrt(1 - r^2)) - pnorm((pmax(-c0, (-c0 - al * u) / be) - r * u) / sqrt(1 - r^2)))
      1 - pieces(f, sort(unique(pmin(c0, pmax(-c0, c(-c0, c0, c(-1, 1) * c0 * (1 - be) / al, c(-1, 1) * c0 * (1 + be) / al))))))
    } else if (k == 2) outside(c0, m$R, 1e-9, 1e-9) else if (k == 3) {
      r <- m$R[1, 2]
      1 - pieces(function(u) dnorm(u) * (pnorm((c0 - r * u) / sqrt(1 - r^2)) - pnorm((-c0 - r * u) / sqrt(1 - r^2))), c(-c0, 0, c0))
    } else 1 - pmvnorm(rep(-c0, 4), rep(c0, 4), corr = m$R, algorithm = Miwa(steps = 4096))
    extra <- if (k == 4) list(digits = unbox(6), why = unbox("four dimensions: p by mvtnorm::pmvnorm on Miwa's grid, and here by quadrature, to some 1e-9"))
    do.call(add, c(list(label(name, "weights", k), "max_combo", name, list(combination = k), list(z = many(m$z), p = one(p))), extra))
  }
}

# --- permutation ---
exact_coin <- function(name, id, arguments, type, cause = 0) {
  x <- frame(name, "arm", cause); x$g <- factor(x$g)
  f <- logrank_test(Surv(time, event) ~ g, data = x, type = type, distribution = "exact")
  add(label(id, "z"), "logrank_permutation", name, arguments, list(z = one(abs(statistic(f)))))
  add(label(id, "p"), "logrank_permutation", name, arguments, list(p = one(pvalue(f))), digits = unbox(6),
      why = unbox("coin counts splits as tied whose statistics differ by less than 1.5e-8, here by less than 1e-9 of the standard error"))
}
for (name in c("small", "freireich")) for (type in c("logrank", "Gehan-Breslow", "Tarone-Ware"))
  exact_coin(name, label(name, "arm coin exact", type), list(group = "arm",
    weights = c(logrank = "logrank", `Gehan-Breslow` = "gehan", `Tarone-Ware` = "tarone_ware")[[type]]), type)
exact_coin("small", "small arm coin exact cause 1", list(group = "arm", weights = "logrank", cause = 1), "logrank", 1)
# all splits, one by one; scores from the risk sets; within strata every combination of their splits
score_of <- function(x) sapply(seq_len(nrow(x)), function(i) {
  out <- x$event[i]
  for (t in sort(unique(x$time[x$event == 1]))) if (x$entry[i] < t && x$time[i] >= t) {
    risk <- x$entry < t & x$time >= t; out <- out - sum(x$event[risk & x$time == t]) / sum(risk)
  }
  out
})
splits <- function(x) {
  s <- score_of(x); k <- sum(x$g == max(x$g))
  c(combn(length(s), k, function(i) sum(s[i])))
}
all_splits <- function(x, strata) {
  sums <- 0; seen <- 0; v <- 0
  for (s in unique(strata)) {
    y <- x[strata == s, ]; sc <- score_of(y); second <- y$g == max(x$g); n <- nrow(y); k <- sum(second)
    one_stratum <- if (k == 0) 0 else if (k == n) sum(sc) else c(combn(n, k, function(i) sum(sc[i])))
    sums <- c(outer(sums, one_stratum, "+")); seen <- seen + sum(sc[second])
    if (n > 1) v <- v + k * (n - k) / (n * (n - 1)) * sum((sc - mean(sc))^2)
  }
  list(p = one(mean(abs(sums) >= abs(seen) - 1e-9)), statistic = one(seen), z = one(abs(seen) / sqrt(v)), splits = one(length(sums)))
}
for (a in list(list(16, FALSE), list(16, TRUE), list(20, FALSE), list(18, TRUE))) {
  x <- frame("small", "arm", 0, a[[2]])[seq_len(a[[1]]), ]
  add(label("small first", a[[1]], if (a[[2]]) "late entry", "all splits"), "logrank_permutation", "small",
      list(group = "arm", first = a[[1]], entry = a[[2]], weights = "logrank"), all_splits(x, rep(1, nrow(x))))
}
for (entry in c(FALSE, TRUE)) {
  x <- frame("small", "arm", 0, entry)
  add(label("small stratified", if (entry) "late entry", "all splits"), "logrank_permutation", "small",
      list(group = "arm", strata = TRUE, entry = entry, weights = "logrank"), all_splits(x, x$centre))
}
x <- frame("freireich", "arm")
add("freireich pairs all splits", "logrank_permutation", "freireich", list(group = "arm", strata = TRUE, weights = "logrank"), all_splits(x, x$centre))

version <- function(p) unbox(as.character(packageVersion(p)))
out <- list(program = unbox(paste("R", paste(R.version$major, R.version$minor, sep = "."))),
            packages = list(survival = version("survival"), nph = version("nph"), survMisc = version("survMisc"), coin = version("coin"), mvtnorm = version("mvtnorm")),
            script = unbox("tests/reference/record_comparison.R"), cases = cases)
dir.create(file.path(verify, "reference"), showWarnings = FALSE)
writeLines(toJSON(out, pretty = 1, auto_unbox = FALSE), file.path(verify, "reference", "comparison.json"))
cat(length(cases), "cases\n")
