# Records p.adjust, and E-values by the functions of the package EValue. Where the package cannot be installed (it needs
# many others), its effect_measures.R and EValue.R are sourced from the folder given as argument.
# Run: Rscript tests/reference/record_multiplicity.R [EValue/R]  (writes multiplicity.json of src/chartline/verify/reference)
library(jsonlite)
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
out <- file.path(here, "..", "..", "src", "chartline", "verify", "reference")
folder <- commandArgs(trailingOnly = TRUE)
if (length(folder)) { wrapmessage <- function(...) NULL; for (f in c("effect_measures.R", "EValue.R")) source(file.path(folder, f)) } else library(EValue)
each <- function(x) I(ifelse(is.na(x), "NA", sprintf("%.17g", unname(x))))
full <- function(x) ifelse(is.na(x), "NA", sprintf("%.17g", unname(x)))
cases <- list()
add <- function(...) cases[[length(cases) + 1]] <<- list(...)
families <- list(
  fifteen = c(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240,
          0.4262, 0.5719, 0.6528, 0.7590, 1),  # Benjamini and Hochberg 1995, section 4
  ties = c(0.04, 0.01, 0.04, 0.2, 0.01), one = 0.03, missing = c(0.01, NA, 0.2, 0.03), large = c(0.9, 0.8, 1, 0.99), tiny = c(1e-300, 1e-12, 0))
methods <- c(bonferroni = "bonferroni", holm = "holm", hochberg = "hochberg", benjamini_hochberg = "BH")
for (f in names(families)) for (m in names(methods))
  add(id = paste(m, f), statistic = m, data = list(p = each(families[[f]])), expected = list(p = each(p.adjust(families[[f]], methods[[m]]))))
ratios <- list(c(3.9, 1.8, 8.7), c(0.8, 0.71, 0.91), c(1.2, 0.9, 1.6), c(0.55, 0.31, 0.97), c(0.6, 0.3, 1.2), c(2.4, 1.01, 5.6), c(1, 0.8, 1.25))
for (measure in c("risk ratio", "odds ratio", "hazard ratio")) for (rare in c(FALSE, TRUE)) for (r in ratios) {
  if (measure == "risk ratio" && rare) next
  e <- suppressMessages(switch(measure, "risk ratio" = evalues.RR(r[1], r[2], r[3]), "odds ratio" = evalues.OR(r[1], r[2], r[3], rare = rare),
                               "hazard ratio" = evalues.HR(r[1], r[2], r[3], rare = rare)))
  add(id = paste(measure, if (rare) "rare", r[1]), statistic = "e_value", data = list(estimate = r[1], lower = r[2], upper = r[3]),
      arguments = list(measure = measure, rare = rare, null = 1),
      expected = list(value = full(e[2, 1]), limit = full(min(c(e[2, 2], e[2, 3]), na.rm = TRUE)), risk_ratio = full(e[1, 1])))
}
for (null in c(1.3, 0.9)) { e <- suppressMessages(evalues.RR(3.9, 1.8, 8.7, true = null))
  add(id = paste("risk ratio from", null), statistic = "e_value", data = list(estimate = 3.9, lower = 1.8, upper = 8.7),
      arguments = list(measure = "risk ratio", rare = FALSE, null = null),
      expected = list(value = full(e[2, 1]), limit = full(e[2, 2]), risk_ratio = full(e[1, 1]))) }
write_json(list(program = R.version.string, packages = list(EValue = "4.1.4"), script = "tests/reference/record_multiplicity.R", cases = cases),
           file.path(out, "multiplicity.json"), auto_unbox = TRUE, digits = NA, pretty = 1)
