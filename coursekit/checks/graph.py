"""Exercises of *Autograd*, the graph: in which order to go back through it, and how gradients add up on the way."""

from collections import deque

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.scratch import graph as reference
from coursekit.scratch.graph import Node
from coursekit.scratch.vjp import pull_back as reference_pull_back

__all__ = ["pull_back", "topological_order"]

# A case is a graph: each row of `arrows` says (a result, what it was made from); inputs have smaller numbers.

DIAMOND = np.array([[1, 0], [2, 0], [3, 1], [3, 2]])


def _nodes(arrows: np.ndarray, slopes=None, wanted=None) -> list[Node]:
    """The graph as nodes, the result last; with slopes, each arrow's rule multiplies by them."""
    data = np.ones(3) if slopes is None else np.ones_like(slopes[0])  # the same in all: a value is no name
    nodes = [Node(data, requires_grad=True) for _ in range(arrows.max() + 1)]
    for number, (made, of) in enumerate(arrows):
        nodes[made].op = f"op {made}"
        nodes[made].edges += ((nodes[of], _rule(None if slopes is None else slopes[number])),)
    for node, wish in zip(nodes, wanted if wanted is not None else (), strict=False):
        node.requires_grad = bool(wish)
    return nodes


def _rule(slope):
    if slope is None or (slope == 1).all():
        return lambda G: G  # as of an addition: the very same array
    return lambda G: G * slope


def _called(k: int, nodes: list[Node]) -> str:
    """What to call a node in a message."""
    return f"node {k}" + (", the result," if k == len(nodes) - 1 else "" if nodes[k].edges else ", a leaf,")


def _random_graph(rng, count: int) -> np.ndarray:
    """Every node but the first is made from one or two earlier ones; the last from all that nobody used."""
    rows = [[made, of] for made in range(1, count) for of in rng.choice(made, size=min(made, rng.integers(1, 3)))]
    unused = set(range(count)) - {of for _, of in rows}
    return np.array(rows + [[count, of] for of in sorted(unused)])


# -- topological order -----------------------------------------------------------------------------------------------------


def _order_cases(rng):
    yield DIAMOND
    yield np.array([[1, 0]])  # one operation
    yield np.array([[1, 0], [1, 0], [2, 1], [2, 1], [3, 2], [3, 2]])  # used twice, again and again
    yield np.array([[1, 0], [2, 1], [3, 2], [4, 0], [4, 3]])  # a short way and a long way to the same node
    yield np.array([[1, 0], [2, 1], [3, 2], [4, 3], [4, 0]])
    for count in (6, 9, 12):
        yield _random_graph(rng, count)
    yield np.column_stack([np.arange(1, 5000), np.arange(4999)])  # deeper than Python lets functions call themselves


def _names(order, nodes: list[Node]) -> list[int]:
    """The numbers of the nodes in an order, after making sure that it is one."""
    if not isinstance(order, list | tuple):
        raise UnusableAnswerError(f"Expected a list of nodes, got a {type(order).__name__}.")
    numbers = {id(node): k for k, node in enumerate(nodes)}
    strange = [item for item in order if id(item) not in numbers]
    if strange:
        raise UnusableAnswerError(f"Expected nodes of the graph in the list, got a {type(strange[0]).__name__}.")
    return [numbers[id(node)] for node in order]


def _use_order(obj, arrows):
    nodes = _nodes(arrows)
    found = _names(obj(nodes[-1]), nodes)
    place = {number: i for i, number in enumerate(found)}
    if len(place) < len(found):
        raise UnusableAnswerError(f"{len(found)} entries for {len(place)} different nodes: some stand there twice.")
    missing = [k for k in range(len(nodes)) if k not in place]
    if missing:
        raise UnusableAnswerError(
            f"Of {len(nodes)} nodes, {_called(missing[0], nodes)} is missing ({len(missing)} in all)."
        )
    late = [(made, of) for made, of in arrows if place[made] < place[of]]
    if late:
        raise UnusableAnswerError(
            f"Node {late[0][0]} was made from node {late[0][1]}, but stands before it "
            f"({len(late)} of {len(arrows)} arrows point the wrong way)."
        )
    return sorted(found)  # every valid order is right


def _root_first(root):
    return reference.topological_order(root)[::-1]


def _recursive(root):
    order, seen = [], set()

    def visit(node):
        if id(node) not in seen:
            seen.add(id(node))
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(root)
    return order


def _never_looks_twice(root):
    order, waiting = [], [(root, False)]
    while waiting:
        node, done = waiting.pop()
        if done:
            order.append(node)
        else:
            waiting.append((node, True))
            waiting.extend((parent, False) for parent in node.parents)
    return order


def _by_distance(root):
    order, seen, waiting = [], {id(root)}, deque([root])
    while waiting:
        node = waiting.popleft()
        order.append(node)
        for parent in node.parents:
            if id(parent) not in seen:
                seen.add(id(parent))
                waiting.append(parent)
    return order[::-1]


def _from_the_front(root):
    return _by_distance(root)[::-1]


def _noted_when_put_on_the_list(root):
    order, seen, waiting = [], {id(root)}, [(root, False)]
    while waiting:
        node, done = waiting.pop()
        if done:
            order.append(node)
        else:
            fresh = [parent for parent in dict.fromkeys(node.parents) if id(parent) not in seen]
            seen.update(map(id, fresh))
            waiting += [(node, True), *((parent, False) for parent in fresh)]
    return order


def _when_first_met(root):
    order, seen, waiting = [], set(), [root]
    while waiting:
        node = waiting.pop()
        if id(node) not in seen:
            seen.add(id(node))
            order.append(node)
            waiting.extend(node.parents)
    return order[::-1]


def _first_met_first(root):
    return _when_first_met(root)[::-1]


def _without_root(root):
    return reference.topological_order(root)[:-1]


def _leaves(root):
    return [node for node in reference.topological_order(root) if not node.parents]


def _parents_only(root):
    return [*root.parents, root]


def _first_parents(root):
    order = [root]
    while order[-1].parents:
        order.append(order[-1].parents[0])
    return order[::-1]


def _numbers_instead(root):
    return [node.data for node in reference.topological_order(root)]


def _by_counting_users(root):
    """Kahn's way: a node is due when all its users have been put down."""
    users, seen, waiting = {}, {id(root)}, [root]
    while waiting:
        for parent in waiting.pop().parents:
            users[id(parent)] = users.get(id(parent), 0) + 1
            if id(parent) not in seen:
                seen.add(id(parent))
                waiting.append(parent)
    order, due = [], [root]
    while due:
        node = due.pop()
        order.append(node)
        for parent in node.parents:
            users[id(parent)] -= 1
            if users[id(parent)] == 0:
                due.append(parent)
    return order[::-1]


topological_order = register(
    Exercise(
        id="graph.topological_order",
        notebook="autograd",
        reference=reference.topological_order,
        cases=_order_cases,
        call=_use_order,
        difficulty=4,
        minutes=12,
        points=3,
        hints=[
            "A node may be put into `order` only after all its parents. So when you meet it for the first time, it has to wait until they are done.",
            "Keep a list `waiting` of pairs (node, are its parents done?). Take the last pair. If its parents are done, put the node into `order`.",
            "If they are not: unless its `id` is in `seen`, note it there, put (node, True) back on the list, and on top of it (parent, False) for each parent.",
            "`while waiting:` / `node, done = waiting.pop()` / `if done: order.append(node)` / `elif id(node) not in seen: seen.add(id(node)); "
            "waiting.append((node, True)); waiting += [(p, False) for p in node.parents]`",
        ],
        misconceptions={
            _root_first: "Right, but turned round: the result comes first here. It should come last, after all that it was made from.",
            _recursive: "Right for small graphs, but your function calls itself once for each step of depth, and Python allows only about a thousand. "
            "Keep a list of what is waiting instead.",
            _never_looks_twice: "A node that is used several times comes several times. Note in a set which nodes you have met, by `id(node)`.",
            _by_distance: "You sorted by the shortest distance from the result. A node that is reached by a short way *and* a long way then comes "
            "too late: what counts is the longest way.",
            _from_the_front: "You took the entries from the front of the list, nearest to the result first. Take the last one, `waiting.pop()`: then "
            "all that was put on top of a node is done before it comes up again.",
            _noted_when_put_on_the_list: "You note a node as met when you put it on the list. It may lie there for long, and what was made from it is put "
            "down first. Note it when you *take* it from the list.",
            _when_first_met: "You put a node down when you *first* meet it. It may be met again, by a longer way: put it down only when all below it is done.",
            _first_met_first: "You put a node down before its parents. When it has to wait, put it back on the list *first*, and its parents on top of it.",
            _without_root: "The result itself is missing. It comes last.",
            _leaves: "These are the leaves alone. Every node belongs into the list.",
            _parents_only: "These are the result and its direct parents. Go on to their parents, down to the leaves.",
            _first_parents: "You followed only the first parent of each node. An operation may have several.",
            _numbers_instead: "These are the numbers in the nodes. Return the nodes themselves.",
        },
        variants=(_by_counting_users,),
    )
)

# -- pulling a gradient back -------------------------------------------------------------------------------------------------


def _pull_cases(rng):
    yield DIAMOND, rng.normal(size=(4, 2)), np.ones(4, bool), rng.normal(size=2)
    yield np.array([[1, 0], [1, 0]]), np.ones((2, 3)), np.ones(2, bool), rng.normal(size=3)  # x + x
    yield np.array([[1, 0], [2, 1], [2, 0], [3, 2], [3, 2]]), np.ones((5, 2)), np.ones(4, bool), rng.normal(size=2)
    yield np.array([[1, 0]]), rng.normal(size=(1, 1)), np.ones(2, bool), np.array([3.0])
    yield np.array([[2, 0], [2, 1]]), rng.normal(size=(2, 4)), np.array([True, False, True]), rng.normal(size=4)
    yield np.array([[2, 0], [2, 1]]), rng.normal(size=(2, 4)), np.array([False, True, True]), rng.normal(size=4)
    for count in (6, 9):
        arrows = _random_graph(rng, count)
        yield arrows, rng.normal(size=(len(arrows), 3)), np.ones(arrows.max() + 1, bool), 1e3 * rng.normal(size=3)
    slopes = rng.normal(size=(4, 2)).astype(np.float32)
    yield DIAMOND, slopes, np.ones(4, bool), rng.normal(size=2).astype(np.float32)
    yield DIAMOND, rng.normal(size=(4, 2)), np.ones(4, bool), np.zeros(2)


def _use_pull(obj, arrows, slopes, wanted, G):
    nodes = _nodes(arrows, slopes, wanted)
    given = list(nodes)
    found = obj(given, G)
    if given != nodes:
        raise UnusableAnswerError("Your code changes `order` itself (`.reverse()`, `.pop()`?). Use `reversed(order)`.")
    if not isinstance(found, dict):
        got = "None: collect the gradients in a dict, and return it" if found is None else f"a {type(found).__name__}"
        raise UnusableAnswerError(f"Expected a dict of node to gradient, got {got}.")
    strange = [key for key in found if not any(key is node for node in nodes)]
    if strange:
        raise UnusableAnswerError(f"Expected the nodes as keys of the dict, got a {type(strange[0]).__name__}.")
    missing = [k for k, node in enumerate(nodes) if wanted[k] and node not in found]
    extra = [k for k, node in enumerate(nodes) if not wanted[k] and node in found]
    if missing or extra:
        what = f"{_called(missing[0], nodes)} has none" if missing else f"node {extra[0]} is a constant and has one"
        raise UnusableAnswerError(f"Expected a gradient for each node that requires one, but {what}.")
    return [np.array(found[node]) for k, node in enumerate(nodes) if wanted[k]]


def _walk(order, G, join, *, pass_on=lambda rule, G: rule(G), constants=False, backwards=True):
    gradients = {order[-1]: G}
    for node in reversed(order) if backwards else order:
        for parent, rule in node.edges:
            if parent.requires_grad or constants:
                found = pass_on(rule, gradients[node])
                gradients[parent] = join(gradients[parent], found) if parent in gradients else found
    return gradients


def _overwrites(order, G):
    return _walk(order, G, lambda old, new: new)


def _keeps_the_first(order, G):
    return _walk(order, G, lambda old, new: old)


def _adds_in_place(order, G):
    return _walk(order, G, lambda old, new: np.add(old, new, out=old))


def _multiplies(order, G):
    return _walk(order, G, lambda old, new: old * new)


def _mean_of_uses(order, G):
    return _walk(order, G, lambda old, new: (old + new) / 2)


def _starts_from_one(order, G):
    return _walk(order, np.ones_like(G), lambda old, new: old + new)


def _always_the_last_gradient(order, G):
    return _walk(order, G, lambda old, new: old + new, pass_on=lambda rule, _: rule(G))


def _rules_left_out(order, G):
    return _walk(order, G, lambda old, new: old + new, pass_on=lambda _, G: G)


def _constants_too(order, G):
    return _walk(order, G, lambda old, new: old + new, constants=True)


def _forwards(order, G):
    return _walk(order, G, lambda old, new: old + new, backwards=False)


def _nothing_there_yet(order, G):
    return {}[order[0]]


def _rule_not_called(order, G):
    return _walk(order, G, np.add, pass_on=lambda rule, G: rule * G)


def _leaves_alone(order, G):
    return {node: found for node, found in _walk(order, G, np.add).items() if not node.edges}


def _from_zeros(order, G):
    gradients = {node: np.zeros_like(G) for node in order if node.requires_grad}
    gradients[order[-1]] = G
    for node in order[::-1]:
        for parent, rule in node.edges:
            if parent.requires_grad:
                gradients[parent] = gradients[parent] + rule(gradients[node])
    return gradients


pull_back = register(
    Exercise(
        id="graph.pull_back",
        notebook="autograd",
        reference=reference_pull_back,
        cases=_pull_cases,
        call=_use_pull,
        alias_ok=True,
        difficulty=3,
        minutes=12,
        points=3,
        hints=[
            "Begin with `gradients = {order[-1]: G}` and go through the nodes from the last to the first.",
            "At each node, its gradient is complete. Hand it to the rule of each edge: what comes out belongs to that parent.",
            "If the parent has a gradient already, from another use, add; write a new array, `old + new`.",
            "`for node in reversed(order):` / `for parent, rule in node.edges:` / `if parent.requires_grad:` / `found = rule(gradients[node])` / "
            "`gradients[parent] = gradients[parent] + found if parent in gradients else found`",
        ],
        misconceptions={
            _overwrites: "A node that is used several times keeps only the gradient of the *last* use that you came to. The uses add up.",
            _keeps_the_first: "A node that is used several times keeps only the gradient of the *first* use that you came to. The uses add up.",
            _adds_in_place: "`+=` changes the array that is there, and a rule (of an addition, say) may have handed on that very array to others too. "
            "Make a new one: `old + new`.",
            _multiplies: "You multiplied the gradients of several uses. Along a path slopes multiply (the rules do that); different paths *add up*.",
            _mean_of_uses: "You averaged over the uses of a node. Each use has its own influence, and they add up.",
            _starts_from_one: "You started from 1. Start from G, the gradient at the last node.",
            _always_the_last_gradient: "Every rule was given G, the gradient at the last node. A rule takes the gradient at *its own* node.",
            _rules_left_out: "The gradient was handed on as it is. Each edge has a rule: call it with the node's gradient.",
            _constants_too: "You computed gradients of constants too: skip a parent whose `requires_grad` is False.",
            _forwards: "You went through the nodes from the first to the last. The gradient starts at the last: use `reversed(order)`.",
            _nothing_there_yet: "A gradient is read before there is one. Begin with `{order[-1]: G}` and go from the last node to the first; and the first "
            "share that comes to a parent has nothing to be added to.",
            _rule_not_called: "A rule is a function. Call it with the node's gradient: `rule(gradients[node])`.",
            _leaves_alone: "You return the gradients of the leaves alone. Keep that of every node.",
        },
        variants=(_from_zeros,),
    )
)
