module vbrain/cluster/forward

go 1.24.0
