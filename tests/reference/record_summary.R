# Records mean, standard deviation, median and quartiles (all nine types) of shipped columns and of a few small samples.
# Run: Rscript tests/reference/record_summary.R  (writes src/chartline/verify/reference/summary.json)
library(jsonlite)
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
verify <- file.path(here, "..", "..", "src", "chartline", "verify")
full <- function(x) ifelse(is.na(x), "NA", sprintf("%.17g", unname(x)))
cases <- list()
add <- function(...) cases[[length(cases) + 1]] <<- list(...)
record <- function(name, data, column, x) {
  known <- x[!is.na(x)]
  add(id = paste(name, column), statistic = "mean", data = data, arguments = list(column = column),
      expected = list(n = length(known), missing = sum(is.na(x)), mean = full(mean(known)), sd = full(sd(known))))
  for (kind in 1:9) {
    q <- quantile(known, c(0.25, 0.5, 0.75), type = kind)
    add(id = paste(name, column, "type", kind), statistic = "quartiles", data = data,
        arguments = list(column = column, kind = kind),
        expected = list(q1 = full(q[1]), median = full(q[2]), q3 = full(q[3]), min = full(min(known)), max = full(max(known))))
  }
}
for (name in c("cohort", "tied", "small")) {
  d <- read.csv(file.path(verify, "data", paste0(name, ".csv")), comment.char = "#")
  for (column in c("age", "wbc", "time", "transplant")) record(name, name, column, d[[column]])
}
freireich <- read.csv(file.path(verify, "data", "freireich.csv"), comment.char = "#")
record("freireich", "freireich", "weeks", freireich$weeks)
own <- list(two = c(1, 2), even = c(1, 1, 2, 2, 2, 3, 4, 4), negative = c(-3, -1, 0, 0, 2.5), large = 1e9 + (1:25) / 8,
            cycles = rep(1:4, c(7, 17, 6, 2)))
for (name in names(own)) record(name, list(x = I(own[[name]])), "x", own[[name]])
program <- sub(" Patched.*| \\(.*", "", sub("version ", "", R.version.string))
write_json(list(program = program, packages = setNames(list(), character()), script = "tests/reference/record_summary.R",
                cases = cases), file.path(verify, "reference", "summary.json"), auto_unbox = TRUE, digits = NA, pretty = 1)
