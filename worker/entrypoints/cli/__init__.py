"""The command line: `app` finds the commands, one module each; nothing heavy is imported early."""
