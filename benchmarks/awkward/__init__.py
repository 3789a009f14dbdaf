"""Graphs on which small engines are wrong or crash, and every framework they are put to.

`catalogue` has the graphs and the right answers, `framework` what a graph may ask of a framework,
`judge` compares. Neither imports any framework: the tests use them with our engine alone
(`ours`). Each of the other modules is one peer.
"""
