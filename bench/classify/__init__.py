"""What bounces and replies mean: mailsvc's answers against those of people, beside a peer."""
