# %% [markdown]
r"""
# Start here: what it means that a program learns

**The question.** Everybody says that machines *learn*. What exactly is it that they do, when does it beat a rule that you write yourself, and how do
you work with this course to find out?

**After this notebook you will be able to**

- run the cells of this course, and read what it tells you about your answers;
- write a rule by hand, and let the same rule be *learned* from examples;
- say what data, model, loss, gradient and optimiser are, and how they hang together;
- judge a claim about learning by an experiment, not by who said it;
- choose the notebook to go on with.

**Builds on** Python and a little NumPy (arrays, `shape`, `axis`). **Time** about 45 minutes, of which your computer needs a few seconds.
"""

# %% [markdown]
r"""
## 1. Is everything ready?

Click on the grey cell below and press **Shift + Enter**: that runs it and moves on to the next one. It looks at your computer and says what is in order.
If a line says *problem*, the line itself tells you the command that mends it.
"""

# %% tags=["volatile"]
from coursekit import doctor

doctor.report(doctor.examine(quick=True))

# %% [markdown]
r"""
These are the only keys you need for now:

| key | what it does |
|---|---|
| `Shift` + `Enter` | run this cell, go to the next |
| `Enter` | write in the chosen cell |
| `Esc` | stop writing; now single letters are commands |
| `Esc`, then `A` or `B` | a new cell above or below |
| `Ctrl` + `Z` (on a Mac `Cmd` + `Z`) | undo what you typed |
| `Tab` | complete a name; `Shift` + `Tab` shows what a function expects |
| `name??` in a cell | the source of any function of this course: nothing is hidden |

The cells share one memory: what a cell defines is there for all cells that you run *later*. If something looks odd, choose **Kernel > Restart Kernel and Run
All Cells**; the notebook then runs from top to bottom as if for the first time.
"""

# %%
import numpy as np
from sklearn.linear_model import LogisticRegression

from coursekit import datasets, placement, plot, review
from coursekit.checks import exercise
from coursekit.claims import claim
from coursekit.predict import predict, reveal
from coursekit.settings import course_rng, course_seeds

# %% [markdown]
r"""
## 2. Your first exercise: how good is a rule?

Here is the plan for today. We want a program that looks at a picture of a shoe and says which of two kinds it is. Before we can compare programs, we need
a number that says how good one is. The simplest is the **accuracy**: the share of examples for which the answer is right.

Say a program answered `predicted`, and the truth is `labels`. Both are arrays of whole numbers of the same length. Do these three things, one after the other:

1. **Run the cell as it is.** The panel says *to do*. Unfold its hints if you like. Nothing is broken: until you have an answer, the course's own version
   stands in, so every later cell works.
2. **Give a wrong answer on purpose.** Replace the line `raise NotImplementedError` by `return np.sum(predicted == labels)` and run the cell again. The panel
   says *not yet*, and since this is a mistake that many people make, it knows its name. (The course's version still stands in.)
3. **Now the right one.** The panel says *passed*, and from here on the notebook runs on *your* function.
"""


# %% tags=["exercise"]
@exercise("start.accuracy")
def accuracy(predicted, labels):
    """Share of right answers.

    predicted, labels : arrays of whole numbers, shape (N,). Returns a number between 0 and 1.
    """
    ### BEGIN SOLUTION
    return np.mean(predicted == labels)
    ### END SOLUTION


# %% [markdown]
r"""
That is how every exercise of the course works. You are never stranded and never graded behind your back: the panel compares your function with the course's
on several inputs, among them the awkward ones (a single example, nothing but zeros, very large numbers), and tells you the *first* thing that differs.
"""

# %% [markdown]
r"""
## 3. A rule made by hand

The pictures are from Fashion-MNIST: 70,000 photographs of clothes from an online shop, shrunk to 28 by 28 grey pixels. We take two of its ten kinds, sneakers
and ankle boots. The course loads its data from your disk and checks that not one bit of it has changed.
"""

# %%
fashion = datasets.load("fashion_mnist")
SNEAKER, BOOT = 7, 9


def two_kinds(images, labels):
    """The sneakers (label 0) and ankle boots (label 1), with ink from 0 (blank) to 1 (darkest)."""
    keep = np.isin(labels, (SNEAKER, BOOT))
    return images[keep] / 255.0, (labels[keep] == BOOT).astype(int)


x_train, y_train = two_kinds(fashion.x_train, fashion.y_train)  # (12000, 28, 28), (12000,)
x_test, y_test = two_kinds(fashion.x_test, fashion.y_test)  # (2000, 28, 28), (2000,)
print(f"to learn from: {x_train.shape}, to test on: {x_test.shape}")

few = np.r_[np.flatnonzero(y_train == 0)[:8], np.flatnonzero(y_train == 1)[:8]]
plot.show(
    plot.images(
        x_train[few], ["sneaker"] * 8 + ["boot"] * 8, columns=8, title="Eight of each kind"
    )
)

# %% [markdown]
r"""
How do *you* tell them apart? A boot reaches higher up the leg. So in the **upper half** of the picture, rows 0 to 13, a boot has more *ink* than a sneaker. (In these arrays 0 is blank paper and 1 is the darkest ink.) That is a thought a person had, put into one number per picture. Such a number is called a **feature**.
"""


# %% tags=["exercise"]
@exercise("start.mean_ink")
def mean_ink(images, rows):
    """Mean ink of some rows of each picture.

    images : array, shape (N, H, W): N pictures of H rows and W columns.
    rows : a slice, for example slice(0, 14) for the rows 0 to 13.
    Returns an array of shape (N,): one number for each picture.
    """
    ### BEGIN SOLUTION
    return images[:, rows, :].mean(axis=(1, 2))
    ### END SOLUTION


# %%
UPPER_HALF = slice(0, 14)
ink = mean_ink(x_train[:2000], UPPER_HALF)  # (2000,), enough to see the shape of the heaps
kinds = {"sneakers": ink[y_train[:2000] == 0], "ankle boots": ink[y_train[:2000] == 1]}
plot.show(
    plot.histogram(
        kinds,
        xlabel="mean ink in the upper half (0 to 1)",
        title="One number for each of 2,000 shoes",
    )
)

# %% [markdown]
r"""
The two heaps overlap, but most boots lie to the right of most sneakers. So draw a line somewhere and say: *above it, boot*. The place of that line is the
**threshold**. Write the rule; then choose the threshold by eye, on the pictures that the heaps are made of.
"""


# %% tags=["exercise"]
@exercise("start.threshold_rule")
def threshold_rule(feature, threshold):
    """1 (boot) where the feature is above the threshold, else 0 (sneaker).

    feature : array, shape (N,). threshold : a number. Returns whole numbers, shape (N,).
    """
    ### BEGIN SOLUTION
    return (feature > threshold).astype(int)
    ### END SOLUTION


# %%
by_eye = 0.2  # a first guess. Change it, and run the cell again: how good can you get?
right = accuracy(threshold_rule(ink, by_eye), y_train[:2000])
print(f"threshold {by_eye} by eye: {right:.1%} of these 2,000 pictures are right")

# %% [markdown]
r"""
Done choosing? Then, and only then, look at pictures that played no part in it:
"""

# %%
test_ink = mean_ink(x_test, UPPER_HALF)
by_hand = accuracy(threshold_rule(test_ink, by_eye), y_test)
print(f"threshold {by_eye} by eye: {by_hand:.1%} of the test pictures are right")

# %% [markdown]
r"""
The **test** pictures are there for this one purpose. A rule that is good only on the examples it was made from has learned nothing that you can use, and if you go back now and choose again until the test number looks best, that number becomes too good to be true: it no longer tells you how the rule does on new pictures. Keeping the two apart is the most important habit of this whole field.
"""

# %% [markdown]
r"""
## 4. The same rule, learned

Choosing a threshold by eye is tedious, and with a thousand thresholds nobody could do it. So let the computer do what you just did: *try* thresholds, *count the mistakes*
on examples whose answer is known, *keep the best*. This is learning in its smallest form. What follows in this course, up to the largest language models, replaces
the blind trying by something cleverer; measuring on known answers, and changing the numbers of the rule accordingly, stays.
"""


# %% tags=["exercise"]
@exercise("start.best_threshold")
def best_threshold(feature, labels):
    """The threshold for which threshold_rule makes the fewest mistakes on these examples.

    feature : array, shape (N,). labels : array of 0 and 1, shape (N,). Returns a number.
    If several thresholds are equally good, any of them will do.
    """
    ### BEGIN SOLUTION
    candidates = np.r_[feature.min() - 1, np.unique(feature)]  # one below all, and each value
    mistakes = [np.sum(threshold_rule(feature, t) != labels) for t in candidates]
    return candidates[np.argmin(mistakes)]
    ### END SOLUTION


# %%
learned = best_threshold(ink, y_train[:2000])
one_number_learned = accuracy(threshold_rule(test_ink, learned), y_test)
print(f"threshold by eye {by_eye}: {by_hand:.1%}")
print(f"threshold learned {learned:.3f}: {one_number_learned:.1%}")
plot.show(
    plot.histogram(
        kinds,
        xlabel="mean ink in the upper half (0 to 1)",
        threshold=learned,
        title="Where the learned rule cuts",
    )
)

# %% [markdown]
r"""
The learned threshold is about as good as this rule can be (did you find a better one by eye?), but it cannot do magic: whatever the threshold, the heaps overlap. What limits the rule now is the *feature*, and that
was still made by hand. The step that made this field is to let the machine find the features as well.

Here is the smallest version of that: instead of one number, give the machine **all 784 pixels**, and let it learn how much each one speaks for a boot. That is one artificial
**neuron**: a weighted sum with 784 learned weights. You will build it yourself in notebook 01; for now we borrow a finished one from the library scikit-learn, where it is called
`LogisticRegression`.

It has 784 weights and a bias to learn instead of one threshold. How many labelled pictures will it take to overtake the rule whose feature was made by hand? (That rule's threshold was learned from 2,000 pictures, so it is the best of its kind.) **Choose before you run on**:
a prediction that turns out wrong is the best teacher there is, but only if you made it.
"""

# %%
predict(
    "start.how-many",
    "How many labelled pictures until the neuron is better, on average, than the hand-made feature with its learned threshold?",
    ["fewer than 20", "about 100", "about 1,000", "more than 5,000"],
)

# %%
counts = [2, 4, 8, 16, 64, 256, 1024]


def accuracy_after(n, seed):
    """Test accuracy of a neuron that saw n pictures, half of them boots, drawn at random."""
    rng = np.random.default_rng(seed)
    chosen_pictures = np.r_[
        rng.choice(np.flatnonzero(y_train == 0), n // 2, replace=False),
        rng.choice(np.flatnonzero(y_train == 1), n // 2, replace=False),
    ]
    neuron = LogisticRegression(C=0.1, max_iter=500)  # C: how freely its weights may grow (06)
    neuron.fit(x_train[chosen_pictures].reshape(n, -1), y_train[chosen_pictures])
    return accuracy(neuron.predict(x_test.reshape(len(x_test), -1)), y_test)


runs = np.array(
    [[accuracy_after(n, seed) for n in counts] for seed in course_seeds(10)]
)  # (10, 7)
plot.show(
    plot.lines(
        counts,
        {"neuron on all pixels, 10 draws": runs},
        reference={
            "one number, threshold learned": one_number_learned,
            "one number, threshold by eye": by_hand,
        },
        log="x",
        xlabel="labelled pictures to learn from",
        ylabel="accuracy on the test pictures",
        title="How many examples does a learned rule need?",
    )
)

# %%
overtakes = next(
    n for n, column in zip(counts, runs.T, strict=True) if column.mean() > one_number_learned
)
answer = 0 if overtakes < 20 else 1 if overtakes < 300 else 2 if overtakes < 3000 else 3
reveal("start.how-many", f"on average it overtakes with {overtakes} pictures", answer)

# %% [markdown]
r"""
The curve is the mean of ten runs, each with other pictures; the band reaches from the unluckiest to the luckiest of them. **Always ask for the band.** With very few pictures it is wide:
whoever draws two pictures once and reports the result may be far above or far below what is usual.

Now we can judge something that is often said. In this course a claim comes with its experiment, the evidence of *your* run, and a verdict.
"""

# %%
sixteen = runs[:, counts.index(16)]
claim("learning-needs-thousands").judge(
    sixteen.min() > one_number_learned,
    evidence=f"with 16 pictures the neuron reaches {sixteen.mean():.1%} (worst of 10 draws {sixteen.min():.1%}), "
    f"the hand-made feature, with a threshold learned from 2,000 pictures, {one_number_learned:.1%}",
)

# %% [markdown]
r"""
*Refuted*, for these shoes and this rule. Read the verdict with care, as you should read all of them: two kinds of shoes, a crude feature. With a cleverer feature the crossing moves to the right;
with ten kinds of clothes, and pictures in which the shoe may stand anywhere, one neuron is not enough, and you need both layers and many more examples. **What a verdict is worth depends on the
experiment behind it**, and here you can always read, change and repeat the experiment.

<details><summary>Why do so few examples suffice?</summary>

All sneakers are photographed alike: same side, same size, centred. A handful of them already shows which pixels are usually dark. Had the shoes been turned and shifted at random, the same pixel would
mean something else in each picture. Notebook 09 measures exactly that.

</details>
"""

# %% [markdown]
r"""
## 5. What deep learning is, and what it is not

You have met nearly all the parts. The **model** is a rule with numbers in it that can be changed. The **data** are examples whose answer is known. The **loss** is *one number* that says how wrong the model is on them. The **gradient** says, for each number of the model, whether the loss rises or falls when you turn it up a little, and how fast. The **optimiser** uses that to change the numbers. And then again from
the start:
"""

# %%
plot.show(plot.training_loop())

# %% [markdown]
r"""
| part | in this notebook | later |
|---|---|---|
| **data** | shoes with their labels | clothes, prose, weather, tables |
| **model** | a threshold; a neuron with 784 weights | layers of neurons: networks with millions of weights |
| **prediction** | boot or sneaker | a probability for each class, the next word, a whole picture |
| **loss** | number of mistakes (the borrowed neuron already used a smooth one) | cross-entropy, squared error: smooth, so that it has a slope |
| **gradient** | none for the threshold: we tried every one | the slope of the loss for every weight at once (first in 01, for networks in 03) |
| **optimiser** | keep the best that was tried | follow the slope downhill, in many small steps (first in 01, compared in 05) |

A neuron takes numbers in, weighs them, adds them up, and passes the sum through a simple curve or step. A **layer** is many neurons side by side. A **network** is layers one after the other, each working with what the one before has
made of the picture. It is called **deep** when there are several. **Deep learning** is: choose such a network, measure how wrong it is on examples, and turn every weight a little in the direction that
makes it less wrong; repeat.

What it is *not*: it is not a simulation of a brain, nobody tells it the rules, it does not know what a shoe is, and it is not always the best tool. In this course a classical method stands beside every
network, and it is allowed to win.
"""

# %%
plot.show(
    plot.network(
        (5, 4, 4, 2),
        ["pixels", "layer 1", "layer 2", "answers"],
        title="A small network: every line is a weight",
    )
)

# %% [markdown]
r"""
## 6. The map, and where you should begin

| part | notebooks | you will |
|---|---|---|
| A: from scratch | 01 perceptron, 02 forward pass, 03 backpropagation, 04 autograd, 05 optimisers, 06 generalisation, 07 deep or classical | build everything in NumPy, and know what a framework does for you |
| B: architectures | 08 PyTorch, 09 CNNs, 10 RNNs, 11 autoencoders, 12 GANs, 13 attention, 14 transformers | build and take apart the networks that made the field |
| C: reuse and trust | 15 transfer learning, 16 saliency, 17 Shapley values | reuse what was learned, and ask a network for its reasons |

The notebooks are best read in order, but you may know some of this already. Answer these four questions; then the next cell says where to begin. Is all this new to you? Choose *I do not know* four times: nothing of it is needed yet. Nobody sees your answers but you.
"""

# %%
placement.ask()

# %%
print(placement.advice())

# %% [markdown]
r"""
## 7. When it breaks

Each notebook shows the mistakes that people make with its subject. Here are the two that belong to measuring.

**An accuracy that looks good and means nothing.** Suppose that only 1 shoe in 20 is a boot. A "classifier" that never looks at the picture and always says *sneaker* is right almost always:
"""

# %%
# NBVAL_CHECK_OUTPUT
rng = course_rng(0)
boots, sneakers = np.flatnonzero(y_test == 1), np.flatnonzero(y_test == 0)
rare = np.r_[rng.choice(boots, 50, replace=False), rng.choice(sneakers, 950, replace=False)]
always_sneaker = np.zeros(len(rare), dtype=int)
print(
    f"always 'sneaker': accuracy {accuracy(always_sneaker, y_test[rare]):.1%}, boots found: {always_sneaker[y_test[rare] == 1].sum()} of 50"
)
rule = threshold_rule(test_ink[rare], learned)
print(
    f"the learned rule: accuracy {accuracy(rule, y_test[rare]):.1%}, boots found: {rule[y_test[rare] == 1].sum()} of 50"
)

# %% [markdown]
r"""
By accuracy alone, the program that has learned nothing wins. So before you believe an accuracy, ask how often the most frequent class occurs: that is the number to beat.

**Testing on the examples that were learned.** With 16 pictures and 784 weights, a neuron gets every picture right that it has seen. And if the labels are nonsense, drawn by tossing a coin, so that there is nothing at all to learn?
"""

# %%
seen = np.r_[np.flatnonzero(y_train == 0)[:8], np.flatnonzero(y_train == 1)[:8]]
coin = rng.integers(0, 2, len(seen))  # labels without any meaning
for name, labels, new_labels in (
    ("true labels", y_train[seen], y_test),
    ("tossed labels", coin, rng.integers(0, 2, len(y_test))),
):
    neuron = LogisticRegression(C=1e4, max_iter=2000).fit(x_train[seen].reshape(16, -1), labels)
    on_seen = accuracy(neuron.predict(x_train[seen].reshape(16, -1)), labels)
    on_new = accuracy(neuron.predict(x_test.reshape(len(x_test), -1)), new_labels)
    print(
        f"{name:>13}: {on_seen:.1%} of the 16 pictures it learned from, {on_new:.1%} of new ones"
    )

# %% [markdown]
r"""
On its own 16 pictures you cannot tell the neuron that has learned something from the one that has learned noise by heart. On new pictures you can.
"""

# %% [markdown]
r"""
**And when something does not run?** A `NameError` nearly always means that a cell above has not been run in this session: *Restart Kernel and Run All Cells*. If you want to go on and come back to
an exercise later, call `show_solution("start.accuracy")` from `coursekit.checks`, with the exercise's id. If you fell behind in a workshop, type `coursekit catch-up 01` in a terminal
(**File > New > Terminal**): it puts the worked notebook beside yours, and touches nothing that you wrote. In a terminal, `coursekit doctor` looks at the whole installation.
"""

# %% [markdown]
r"""
## 8. Your progress

What you try and pass is written down in your own folder, in `.coursekit/`, and nowhere else. The card below counts it for each notebook, and names what to look at again: an exercise that took you several
tries comes back after a day, after three, after a week. Such spacing is one of the best supported findings of the research on learning (Cepeda et al., 2006).
"""

# %% tags=["volatile"]
review.card()

# %% [markdown]
r"""
## Explain it back

Say your answer aloud, then unfold what you would have chosen. The wrong options are explained too, and are worth reading.

**Q1.** Why is the accuracy measured on pictures that were not used to choose the threshold?

<details><summary>A. Because the test pictures are easier.</summary>

**No.** They come from the same source and are just as hard. If they were easier, the number would be misleading.

</details>
<details><summary>B. Because we want to know how the rule does on pictures it has never met.</summary>

**Right.** That is what a rule is for. On its own examples a rule may be good simply because it was fitted to them, as the neuron with 16 pictures was.

</details>
<details><summary>C. Because using all pictures would take too long.</summary>

**No.** Time is no reason here; it took a moment. Even with endless time, the examples you learned from cannot tell you about new ones.

</details>

**Q2.** In the smallest form of learning, what did the computer do?

<details><summary>A. It understood what makes a boot a boot.</summary>

**No.** It compared one number with a threshold. That boots reach higher was *your* thought, put into the feature.

</details>
<details><summary>B. It tried thresholds, counted mistakes on known examples, and kept the best.</summary>

**Right.** Try, measure, keep. What changes later is how one tries: by following a slope instead of trying everything.

</details>
<details><summary>C. It stored all examples and looked them up.</summary>

**No.** Only one number was kept, the threshold. (A method that does store all examples exists: nearest neighbours. You will meet it as a rival.)

</details>

**Q3.** The neuron on all pixels beat the rule with one hand-made number after a few pictures. What does that show?

<details><summary>A. That a learned rule is always better.</summary>

**No.** It shows it for these shoes and that feature. A better feature, or pictures that are less alike, would move the crossing.

</details>
<details><summary>B. That deep learning needs only a few examples.</summary>

**No.** There was nothing deep in it: one neuron, two kinds. How the need for examples grows with the task is measured in notebooks 06 and 07.

</details>
<details><summary>C. That for this task, 784 weights found from a few pictures are worth more than one number found by thought.</summary>

**Right.** That is exactly what was measured, with its spread over ten draws, and no more.

</details>

**Q4.** A test for a rare disease is right for 99 of 100 people. What do you ask first?

<details><summary>A. How many people have the disease.</summary>

**Right.** If 1 in 100 has it, "everybody is healthy" is right just as often. Accuracy must be compared with the most frequent class.

</details>
<details><summary>B. Nothing: that is excellent.</summary>

**No.** It may be as good as never looking at anybody. Remember the program that always said "sneaker".

</details>
<details><summary>C. Which network it uses.</summary>

**No.** How it was made says nothing about what its number means.

</details>
"""

# %% [markdown]
r"""
## Go further

**A project.** Find a better feature by hand. Shoes differ at the heel, in the sole, in the ratio of height to width. Write a function that makes one number from a picture, learn its threshold with *your*
`best_threshold` on the first 2,000 pictures, and test it. How close do you come to the neuron with 1,024 pictures? Each idea that works is something the neuron had to find by itself; each one that does not is a reason
why people stopped making features by hand.

**Sources.**
H. Xiao, K. Rasul and R. Vollgraf (2017), *Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms*.
A. Samuel (1959), *Some studies in machine learning using the game of checkers*: where the term *machine learning* comes from.
N. Cepeda, H. Pashler, E. Vul, J. Wixted and D. Rohrer (2006), *Distributed practice in verbal recall tasks*: why the review is spaced.
"""
