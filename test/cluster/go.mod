module github.com/mindebug/kubectl-mindebug/test/cluster

go 1.26.0
