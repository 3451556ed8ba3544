# Records the decomposition of a full factorial of analytical choices: anova(lm()) and means by level, on data typed here.
# Run: Rscript record_specifications.R  (writes src/chartline/verify/reference/specifications.json)
library(jsonlite)
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
full <- function(x) as.list(sprintf("%.17g", x))
case <- function(id, shape, y) {
  # the last axis runs fastest, as in the program
  levels <- do.call(expand.grid, rev(lapply(shape, seq_len)))[, length(shape):1, drop = FALSE]
  names(levels) <- letters[seq_along(shape)]
  d <- cbind(as.data.frame(lapply(levels, factor)), y = y)
  fit <- anova(lm(reformulate(names(levels), "y"), data = d))
  ss <- fit[["Sum Sq"]]
  total <- sum((y - mean(y))^2)
  means <- lapply(names(levels), function(n) tapply(d$y, d[[n]], mean))
  list(
    id = id, statistic = "specification_variance", data = list(y = y), arguments = list(shape = as.list(shape)),
    expected = list(
      share = full(ss[seq_along(shape)] / total), interaction = sprintf("%.17g", ss[length(ss)] / total),
      means = full(unlist(means)), spread = full(sapply(means, function(m) max(m) - min(m)))))
}
cases <- list(
  case("two_by_three", c(2, 3), c(190, 250, 140, 200, 250, 100)),
  case("three_by_two_by_six", c(3, 2, 6), (1:36 * 37) %% 101 / 7),
  case("five_axes", c(2, 3, 2, 2, 4), 5 + sin(1:96) + (1:96 %% 4) * 0.7),
  case("large_values", c(4, 3), 1e6 + (1:12 * 5) %% 7))
out <- list(program = R.version.string, packages = list(), script = "tests/reference/record_specifications.R", cases = cases)
out$program <- sub("^R version ([0-9.]+).*", "R \\1", out$program)
out$packages <- structure(list(), names = character(0))
to <- file.path(here, "..", "..", "src", "chartline", "verify", "reference", "specifications.json")
dir.create(dirname(to), showWarnings = FALSE, recursive = TRUE)
writeLines(toJSON(out, auto_unbox = TRUE, digits = NA, pretty = 1), to)
