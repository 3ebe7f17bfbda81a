"""Arguments in, one repository call, result out: one module for each noun. No SQL.

Heavy packages are imported inside the functions, so that help and completion do not import them.
"""
