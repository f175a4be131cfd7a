"""What speaks to the outside: one package per kind of neighbour, none importing another."""
