"""The flights that left New York in 2013: raw tables, features and reports."""
