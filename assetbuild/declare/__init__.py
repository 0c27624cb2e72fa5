"""Declare: what a user says. Definitions are pure data; nothing here touches a disk."""
