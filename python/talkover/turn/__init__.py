"""Who has the floor. Pure: nothing here reads a clock, starts a task or imports the other rooms."""
