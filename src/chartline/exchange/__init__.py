"""Exchange: a finished run in the formats in which others read such results and tables.

    omop-results     every statistic as an OMOP `summarised_result` (omopgenerics), small cells suppressed
    omop-cohort      the eligible patients as an OMOP cohort table with its definition, settings and attrition
    dataset-json     the derived tables as CDISC Dataset-JSON 1.1 with Define-XML 2.1
    measure-report   the headline as FHIR R4 Measure and MeasureReport, small cells masked

In: the out folder of a finished run and nothing else, so a run can be exported long after its charts are gone. Out: a
folder, written as a whole. Results and measure reports hold no patient; cohort and tables do, and say so.
"""
