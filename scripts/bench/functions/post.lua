-- What wrk sends: the event of all rows.
wrk.method = "POST"
wrk.body = string.rep("e", 100)
