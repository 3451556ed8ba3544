# Shared by the record_*.R of proportions and tables: collects cases and writes them. Sourced, not run.
# Packages that the system has not installed are read from their unpacked sources in the folder R_SOURCES.
suppressMessages(library(jsonlite))
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
verify <- file.path(here, "..", "..", "src", "chartline", "verify")
text <- function(x) {
  if (is.null(x)) return(NULL)
  if (is.list(x)) return(lapply(x, text))
  if (is.matrix(x)) return(lapply(seq_len(nrow(x)), function(i) text(x[i, ])))
  out <- unname(ifelse(is.na(x), "NA", sprintf("%.17g", as.numeric(x))))
  if (length(x) == 1) unbox(out) else out
}
plain <- function(x) {  # a table as nested lists, strata first
  if (length(dim(x)) == 3) lapply(seq_len(dim(x)[3]), function(k) plain(x[, , k]))
  else if (is.matrix(x)) lapply(seq_len(nrow(x)), function(i) unname(x[i, ])) else unname(x)
}
one <- function(x) lapply(x, function(v) if (is.list(v) || length(v) != 1) v else unbox(v))
cases <- list()
seen <- list()
add <- function(statistic, data, expected, arguments = list(), source = NULL, digits = NULL, why = NULL, name = "") {
  seen[[statistic]] <<- if (is.null(seen[[statistic]])) 1 else seen[[statistic]] + 1
  case <- list(id = unbox(sprintf("%s-%d%s", statistic, seen[[statistic]], name)), statistic = unbox(statistic),
    data = if (is.character(data)) unbox(data) else lapply(data, plain), arguments = one(arguments), expected = text(expected))
  if (!length(arguments)) case$arguments <- setNames(list(), character())
  for (k in c("source", "why")) if (!is.null(get(k))) case[[k]] <- unbox(get(k))
  if (!is.null(digits)) case$digits <- unbox(digits)
  cases[[length(cases) + 1]] <<- case
}
save_cases <- function(topic, script, packages = character(), sources = character()) {
  versions <- c(sapply(packages, function(p) as.character(packageVersion(p))), sapply(sources, function(p)
    read.dcf(file.path(Sys.getenv("R_SOURCES"), p, "DESCRIPTION"))[, "Version"]))
  names(versions) <- c(packages, sources)
  line <- function(x) toJSON(x, digits = NA, na = "null")
  head <- list(program = unbox(paste("R", getRversion())), packages = lapply(as.list(versions), function(v) unbox(unname(v))),
    script = unbox(paste0("tests/reference/", script)))
  writeLines(c(sub("}$", ",", line(head)), '"cases": [', paste0(sapply(cases, line), c(rep(",", length(cases) - 1), "")), "]}"),
    file.path(verify, "reference", paste0(topic, ".json")))
}
# A package's function from its sources: every assignment of that file whose name is in `names`.
from_source <- function(package, file, names) {
  e <- new.env(parent = globalenv())
  lines <- gsub(paste0(package, "::"), "", readLines(file.path(Sys.getenv("R_SOURCES"), package, "R", file), warn = FALSE))
  for (x in parse(text = lines, keep.source = FALSE))
    if (is.call(x) && identical(x[[1]], as.name("<-")) && is.name(x[[2]]) && as.character(x[[2]]) %in% names) eval(x, e)
  e
}
# The same function with its roots found to the last digit: uniroot's own tolerance is 1e-4.
tight <- function(f) {
  e <- new.env(parent = environment(f))
  e$uniroot <- function(...) stats::uniroot(..., tol = 1e-16, maxiter = 10000)
  environment(f) <- e
  f
}
root <- function(f, lo, hi) uniroot(f, c(lo, hi), tol = 1e-16, maxiter = 10000)$root
near <- function(a, b, tolerance) stopifnot(all(abs(a - b) <= tolerance * pmax(1, abs(b)) | a == b))
