"""The web application for readers and QA reviewers, on the loopback address."""
