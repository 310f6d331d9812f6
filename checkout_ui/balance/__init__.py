"""The page on which a payer looks at a gift card. It is no part of a checkout: a state, a route and
a bundle of its own."""
