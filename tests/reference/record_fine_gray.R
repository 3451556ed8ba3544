# Records Fine-Gray models: cmprsk::crr, and survival::finegray followed by coxph(ties = "breslow") with robust variance.
# Run: Rscript tests/reference/record_fine_gray.R  (writes src/chartline/verify/reference/fine_gray.json)
suppressMessages({library(survival); library(cmprsk); library(jsonlite)})
root <- file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "..", "..", "src", "chartline", "verify")
full <- function(x) { x <- as.numeric(x); ifelse(is.na(x), NA, sprintf("%.17g", x)) }
cases <- list()
add <- function(id, statistic, data, arguments, expected, ...)
  cases[[length(cases) + 1]] <<- list(id = id, statistic = statistic, data = data, arguments = arguments, expected = expected, ...)
read <- function(name) {
  d <- read.csv(file.path(root, "data", paste0(name, ".csv")), comment.char = "#")
  d$count <- d$id %% 3 + 1
  d
}
test <- function(chisq, df) list(chisq = full(chisq), df = df, p = full(pchisq(chisq, df, lower.tail = FALSE)))
values <- function(b, v, loglik, null, score, information = NULL) {
  se <- sqrt(diag(v)); z <- b / se; k <- length(b)
  out <- list(coefficients = full(b), std_errors = full(se), z = full(z), p = full(2 * pnorm(-abs(z))), hazard_ratios = full(exp(b)),
              lower = full(exp(b - qnorm(0.975) * se)), upper = full(exp(b + qnorm(0.975) * se)), loglik = full(loglik), loglik_null = full(null),
              covariance = full(v), wald = test(sum(b * solve(v, b)), k), score = test(score, k), likelihood_ratio = test(2 * (loglik - null), k))
  if (!is.null(information)) out$information <- full(information)
  for (n in setdiff(names(out), c("loglik", "loglik_null", "wald", "score", "likelihood_ratio"))) out[[n]] <- I(out[[n]])
  out  # of one coefficient: lists of one
}
crr1 <- function(d, x, cause, tf = NULL, x2 = NULL, group = NULL, ...) {
  a <- list(ftime = d$time, fstatus = d$status, cov1 = x, failcode = cause, gtol = 1e-14, maxiter = 60, ...)
  if (!is.null(tf)) a <- c(a, list(cov2 = x2, tf = tf))
  if (!is.null(group)) a$cengroup <- group
  f <- suppressWarnings(do.call(crr, a))
  for (i in 1:3) { # crr's line search gives up at eight digits: three more Newton steps
    a[c("init", "maxiter")] <- list(f$coef + drop(solve(f$inf, f$score)), 0)
    f <- suppressWarnings(do.call(crr, a))
  }
  f
}
# The sandwich of Fine and Gray (1999), section 4, written out; crr's own where there is one censoring group.
sandwich <- function(d, x, b, cause, group) {
  n <- nrow(d); comp <- d$status != 0 & d$status != cause; g <- as.integer(factor(group))
  G <- sapply(seq_len(n), function(i) sapply(d$time, function(t) { # of the group of subject i, at t-
    j <- g == g[i]; u <- sort(unique(d$time[j & d$status == 0 & d$time < t]))
    if (t > max(d$time[j])) 0 else prod(1 - vapply(u, FUN.VALUE = 0, function(s) sum(j & d$time == s & d$status == 0) / sum(j & d$time >= s))) }))
  ev <- sort(unique(d$time[d$status == cause])); e <- exp(drop(x %*% b))
  w <- sapply(ev, function(t) ifelse(d$time >= t, 1, ifelse(comp, sapply(seq_len(n), function(i) G[match(t, d$time), i] / G[i, i]), 0)))
  s0 <- colSums(w * e); xbar <- sapply(seq_len(ncol(x)), function(k) colSums(w * e * x[, k]) / s0)
  dL <- sapply(ev, function(t) sum(d$time == t & d$status == cause)) / s0
  eta <- t(sapply(seq_len(n), function(i) {
    r <- -colSums((rep(1, length(ev)) %o% x[i, ] - xbar) * (w[i, ] * e[i] * dL))
    if (d$status[i] == cause) r <- r + x[i, ] - xbar[match(d$time[i], ev), ]
    r }))
  if (ncol(x) == 1) eta <- matrix(eta, ncol = 1)
  psi <- matrix(0, n, ncol(x))
  for (h in unique(g)) for (u in unique(d$time[g == h & d$status == 0])) {
    past <- which(comp & g == h & d$time < u); later <- which(ev >= u); q <- rep(0, ncol(x))
    for (j in past) for (m in later) q <- q + (x[j, ] - xbar[m, ]) * w[j, m] * e[j] * dL[m]
    at <- g == h & d$time >= u; gone <- at & d$time == u & d$status == 0
    psi[gone, ] <- psi[gone, ] + rep(1, sum(gone)) %o% (q / sum(at))
    psi[at, ] <- psi[at, ] - rep(1, sum(at)) %o% (q * sum(gone) / sum(at)^2)
  }
  crossprod(eta + psi)
}
record_crr <- function(id, name, d, covariates, cause = 1, group = NULL, effects = NULL, tf = NULL, x2 = NULL, count = FALSE, rows = NULL, days = NULL) {
  x <- model.matrix(reformulate(covariates), d)[, -1, drop = FALSE]
  if (!is.null(x2)) { x2 <- as.matrix(x2); colnames(x2) <- paste0("x", seq_len(ncol(x2))) }
  f <- crr1(d, x, cause, tf, x2, if (is.null(group)) NULL else d[[group]])
  start <- suppressWarnings(do.call(crr, c(list(d$time, d$status, x, failcode = cause, maxiter = 0, gtol = 1e9),
    if (is.null(tf)) NULL else list(cov2 = x2, tf = tf), if (is.null(group)) NULL else list(cengroup = d[[group]]))))
  score <- sum(start$score * solve(start$inf, start$score))
  v <- f$var; dimnames(v) <- NULL; extra <- list()
  a <- list(covariates = I(covariates), cause = cause)
  if (nrow(d) <= 150 && is.null(tf)) {
    bread <- solve(f$inf); own <- bread %*% sandwich(d, x, f$coef, cause, if (is.null(group)) rep(1, nrow(d)) else d[[group]]) %*% bread
    if (is.null(group)) stopifnot(max(abs(own / v - 1)) < 1e-9) else v <- own
  } else if (!is.null(group)) v <- NULL
  if (!is.null(group)) { a$strata <- group; extra <- list(source = "R 4.2.2 (cmprsk 2.2.11), variance as Fine and Gray 1999 written out in the script") }
  if (count) a$count <- "id % 3 + 1"
  if (!is.null(effects)) a$time_effects <- effects
  if (is.null(v)) {
    e <- list(coefficients = I(full(f$coef)), loglik = full(f$loglik), loglik_null = full(f$loglik.null), score = test(score, length(f$coef)))
  } else e <- values(f$coef, v, f$loglik, f$loglik.null, score, f$inf)
  e$jumps <- I(full(f$bfitj[1:5]))
  do.call(add, c(list(id, "fine_gray", name, a, e), extra))
  if (!is.null(rows)) {
    p <- if (is.null(tf)) predict(f, rows) else predict(f, rows, rows[, 1])
    p <- p[findInterval(days, p[, 1]), -1]
    a$rows <- rows; a$days <- days
    add(paste(id, "predicted"), "fine_gray_prediction", name, a, list(incidence = full(p)))
  }
}
record_finegray <- function(id, name, d, covariates, cause = 1, entry = FALSE, cluster = "id", count = FALSE) {
  response <- if (entry) "Surv(entry, time, factor(status, 0:2))" else "Surv(time, factor(status, 0:2))"
  d$id <- seq_len(nrow(d))
  g <- finegray(as.formula(paste(response, "~", paste(unique(c(covariates, "id", cluster)), collapse = "+"))), d, etype = as.character(cause), id = id)
  g$who <- g[[cluster]]
  f <- coxph(as.formula(paste("Surv(fgstart, fgstop, fgstatus) ~", paste(covariates, collapse = "+"))), g, weights = fgwt, ties = "breslow",
             cluster = who, control = coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 60))
  a <- list(covariates = I(covariates), cause = cause, weights = "finegray", variance = "robust")
  if (entry) a$entry <- "entry"
  if (cluster != "id") a$cluster <- cluster
  if (count) a$count <- "id % 3 + 1"
  add(id, "fine_gray", name, a, values(coef(f), f$var, f$loglik[2], f$loglik[1], f$score))
  if (cluster == "id") {
    a$variance <- "model"
    add(paste(id, "model"), "fine_gray", name, a, values(coef(f), f$naive.var, f$loglik[2], f$loglik[1], f$score))
  }
}
for (name in c("cohort", "tied", "small")) {
  d <- read(name); r <- d[rep(seq_len(nrow(d)), d$count), ]; b <- 1 * (d$arm == "B")
  rows <- rbind(c(0, 40), c(1, 40), c(1, 70)); days <- c(200, 365, 500)
  record_crr(paste(name, "arm"), name, d, "arm")
  record_crr(paste(name, "arm, age"), name, d, c("arm", "age"), rows = rows, days = days)
  record_crr(paste(name, "arm, age, cause 2"), name, d, c("arm", "age"), cause = 2, rows = rows, days = days)
  if (name != "small") record_crr(paste(name, "arm, age, risk, wbc"), name, d, c("arm", "age", "risk", "wbc"))
  record_crr(paste(name, "counts"), name, r, c("arm", "age"), count = TRUE)
  record_crr(paste(name, "censoring by risk"), name, d, c("arm", "age"), group = "risk")
  record_crr(paste(name, "arm changes with log t"), name, d, c("arm", "age"), effects = list(c("arm=B", "log(t)")), tf = log, x2 = b, rows = rows, days = days)
  record_crr(paste(name, "arm changes with t"), name, d, c("arm", "age"), cause = 2, effects = list(c("arm=B", "t / 100")), tf = function(t) t / 100, x2 = b)
  record_finegray(paste(name, "finegray arm, age"), name, d, c("arm", "age"))
  record_finegray(paste(name, "finegray arm, age, cause 2"), name, d, c("arm", "age"), cause = 2)
  record_finegray(paste(name, "finegray clusters"), name, d, c("arm", "age"), cluster = "centre")
  record_finegray(paste(name, "finegray counts"), name, r, c("arm", "age"), count = TRUE)
  # on the grid of `tied` nobody enters after the first exit, and finegray then takes late entry as none
  if (name != "tied") record_finegray(paste(name, "finegray late entry"), name, d, c("arm", "age"), entry = TRUE)
}
d <- read("cohort")
record_crr("two changes of age", "cohort", d, c("arm", "age"), effects = list(c("age", "t / 100"), c("age", "t^2 / 10^5")),
           tf = function(t) cbind(t / 100, t^2 / 1e5), x2 = cbind(d$age, d$age))
record_crr("a step", "cohort", d, c("arm", "risk"), effects = list(c("arm=B", "t > 180")), tf = function(t) 1 * (t > 180), x2 = 1 * (d$arm == "B"))
versions <- sapply(c("survival", "cmprsk"), function(p) as.character(packageVersion(p)))
write_json(list(program = paste("R", getRversion()), packages = as.list(versions), script = "tests/reference/record_fine_gray.R", cases = cases),
           file.path(root, "reference", "fine_gray.json"), auto_unbox = TRUE, na = "null", pretty = 1)
