# Records mean, sd and the nine quantile types. Run: Rscript record_quantiles.R  (writes quantiles.json)
library(jsonlite)
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
full <- function(x) ifelse(is.na(x), "NA", sprintf("%.17g", x))
sets <- list(one = 4.2, two = c(1, 2), ages = c(19, 22, 22, 25, 31, 34, 34, 34, 41, 52, 66), even = c(1, 1, 2, 2, 2, 3, 4, 4),
             decimals = c(0.1, 0.2, 0.3, 0.3, 1.7, 2.25, 8.5, 8.5, 8.5, 100.125), negative = c(-3, -1, 0, 0, 2.5),
             large = 1e9 + (1:25) / 8, cycles = rep(1:4, c(7, 17, 6, 2)))
p <- c(0, 0.05, 0.1, 0.25, 1 / 3, 0.5, 0.6, 0.75, 0.9, 1)
rows <- lapply(names(sets), function(name) {
  x <- sets[[name]]
  list(set = name, values = full(x), mean = full(mean(x)), sd = full(sd(x)),
       quantiles = lapply(1:9, function(type) full(quantile(x, p, type = type, names = FALSE))))
})
write_json(list(R = R.version.string, p = full(p), rows = rows), file.path(here, "quantiles.json"), auto_unbox = FALSE)
