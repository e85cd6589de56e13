module weftbench/pipeline

go 1.26
