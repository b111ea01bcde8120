"""What findings say: their codes, texts and languages, and how they are shown."""
