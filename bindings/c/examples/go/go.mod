module act/classify

go 1.19
