# Records Turnbull's estimate. Innermost intervals by interval::Aintmap; start from Icens::EMICM, compared with
# interval::icfit and icenReg::ic_np; polished here by Newton steps on the support, until Gentleman and Geyer's conditions
# hold to 1e-11 (the packages stop at a change of the likelihood, which leaves five digits of a mass at worst).
# Needs Icens (Bioconductor), interval and icenReg. Run: Rscript record_turnbull.R (writes .../reference/turnbull.json)
suppressMessages({library(jsonlite); library(Icens); library(interval); library(icenReg); library(survival)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
verify <- file.path(here, "..", "..", "src", "chartline", "verify")
full <- function(x) ifelse(is.na(x), "NA", sprintf("%.17g", as.numeric(x)))
sets <- list(
  # Finkelstein DM, Wolfe RA. Biometrics 1985;41:933-945: months to breast retraction, radiotherapy alone
  cosmesis = data.frame(
    left = c(45, 6, 0, 46, 46, 7, 17, 7, 37, 0, 4, 15, 11, 22, 46, 46, 25, 46, 26, 46, 27, 36, 46, 32, 46, 37, 40, 17, 46, 11, 38, 5, 37, 0, 18, 24, 36, 5, 19, 17, 24, 0, 5, 33, 12, 19),
    right = c(NA, 10, 7, NA, NA, 16, NA, 14, 44, 8, 11, NA, 15, NA, NA, NA, 37, NA, 40, NA, 34, 44, NA, NA, NA, NA, NA, 25, NA, 18, NA, 12, NA, 5, NA, NA, 48, 11, 35, 25, NA, 22, 12, NA, NA, NA)),
  four = data.frame(left = c(0, 1, 2, 4), right = c(1, 3, 5, NA)),
  # Gentleman R, Geyer CJ. Biometrika 1994;81:618-623: (1/2, 0, 1/2) is self-consistent and not the maximum
  geyer = data.frame(left = c(0, 1, 1, 0, 0, 2), right = c(1, 3, 3, 2, 2, 3)),
  exact_and_censored = data.frame(left = c(3, 3, 5, 5, 8, 8, 12), right = c(3, NA, 5, NA, 8, NA, 12)),
  mixed = data.frame(left = c(0, 0, 4, 4, 6, 9, 9, 2, 10, 12, 5), right = c(5, 4, 4, 9, 8, NA, 12, 10, 10, NA, 6)),
  current_status = data.frame(left = c(0, 0, 3, 5, 0, 8, 0, 11, 9, 0), right = c(2, 4, NA, NA, 6, NA, 10, NA, NA, 12)))
looks <- function(name, every) {  # relapse of the shipped data as found at looks, whose days depend on the subject
  d <- read.csv(file.path(verify, "data", paste0(name, ".csv")), comment.char = "#")
  shift <- (d$id * 37) %% every
  left <- pmax(0, floor((d$time - 1 - shift) / every) * every + shift)
  right <- floor((d$time - 1 - shift) / every) * every + shift + every
  d <- data.frame(left = ifelse(d$status == 0, d$time, left), right = ifelse(d$status == 0, NA, right))
  as.data.frame(aggregate(list(count = rep(1, nrow(d))), list(left = d$left, right = ifelse(is.na(d$right), Inf, d$right)), sum))
}
sets$small_90 <- looks("small", 90); sets$small_60 <- looks("small", 60); sets$tied_120 <- looks("tied", 120); sets$cohort_180 <- looks("cohort", 180)
cases <- list()
for (name in names(sets)) {
  s <- sets[[name]]; s$right[is.na(s$right)] <- Inf
  if (is.null(s$count)) s$count <- 1
  L <- rep(s$left, s$count); R <- rep(s$right, s$count); n <- length(L)
  a <- Aintmap(L, R, Lin = L == R, Rin = is.finite(R))
  A <- a$A  # observations x innermost intervals
  stopifnot(nrow(A) == n, ncol(A) == ncol(a$intmap))
  p <- as.numeric(EMICM(t(A), tol = 1e-12, maxiter = 20000)$pf)
  support <- which(p > 1e-7)
  for (i in 1:50) {  # Newton on the support, under sum p = 1
    B <- A[, support, drop = FALSE]; q <- p[support] / sum(p[support])
    g <- colSums(B / c(B %*% q)); H <- crossprod(B / c(B %*% q)); k <- length(q)
    step <- solve(rbind(cbind(H, 1), c(rep(1, k), 0)), c(g, 0))[1:k]
    while (any(q + step < 0)) step <- step / 2
    p[] <- 0; p[support] <- q + step
    if (max(abs(step)) < 1e-15) break
  }
  g <- colSums(A / c(A %*% p)) / n
  stopifnot(max(abs(g[support] - 1)) < 1e-11, max(g) < 1 + 1e-11)
  icfit <- icfit(L, R, Lin = L == R, Rin = is.finite(R), control = icfitControl(epsilon = 1e-10, maxit = 200000))
  np <- if (any(L == R)) NULL else ic_np(cbind(L, R))
  # masses of the packages at our innermost intervals; those they leave out are 0
  at <- function(left, right, mass) { out <- p * 0; i <- match(paste(left, right), paste(a$intmap[1, ], a$intmap[2, ])); out[i] <- mass; out }
  cat(name, n, "observations,", ncol(A), "innermost intervals; icfit differs by",
      signif(max(abs(at(icfit$intmap[1, ], icfit$intmap[2, ], icfit$pf) - p)), 2), "")
  if (!any(L == R)) {
    np <- ic_np(cbind(L, R), maxIter = 10000, tol = 1e-14)
    bounds <- round(np$T_bull_Intervals, 6)  # it moves 0 to 1e-10
    cat("ic_np by", signif(max(abs(at(bounds[1, ], bounds[2, ], np$p_hat) - p)), 2))
  }
  cat("\n")
  if (all(L == R | is.infinite(R))) {  # then it is Kaplan-Meier
    f <- survfit(Surv(L, is.finite(R)) ~ 1); stopifnot(all(abs(summary(f)$surv - (1 - cumsum(p))[is.finite(a$intmap[2, ])]) < 1e-12))
  }
  survival <- pmax(0, rev(cumsum(rev(p))) - p)
  quantile <- function(share) { j <- which(survival <= 1 - share + 1e-12)[1]; a$intmap[, j] }
  m <- quantile(0.5); m[is.infinite(m)] <- NA
  cases[[length(cases) + 1]] <- list(id = name, statistic = "turnbull",
    data = list(left = I(s$left), right = I(ifelse(is.infinite(s$right), NA, s$right)), count = I(s$count)), arguments = setNames(list(), character(0)),
    expected = lapply(list(left = a$intmap[1, ], right = ifelse(is.infinite(a$intmap[2, ]), NA, a$intmap[2, ]), mass = p, survival = survival,
                           log_likelihood = sum(log(A %*% p)), median = m), function(x) if (length(x) > 1) I(full(x)) else full(x)))
}
packages <- sapply(c("Icens", "interval", "icenReg"), function(p) as.character(packageVersion(p)))
write_json(list(program = sub(" \\(.*", "", sub("version ", "", R.version.string)), packages = as.list(packages),
                script = "tests/reference/record_turnbull.R", cases = cases),
           file.path(verify, "reference", "turnbull.json"), auto_unbox = TRUE, digits = NA, pretty = 1, na = "null")
cat(length(cases), "cases\n")
