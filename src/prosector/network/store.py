"""C-STORE (PS3.4 B): instances go over one association, each acknowledged by its status."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from pydicom import dcmread
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context

from prosector.errors import NetworkError
from prosector.network.association import Broken, associated
from prosector.network.instances import Instance
from prosector.network.nodes import Node

MOST_CONTEXTS = 128
"""Presentation contexts of one association (PS3.8 9.3.2.2: odd identifiers up to 255)."""

NATIVE = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))

NO_CONTEXT = "0122"
"""SOP Class not supported (PS3.7 C.5.6): told by the archive, or seen by us as no context was accepted."""

WORDS = {
    "A7": "out of resources",
    "A9": "the object does not fit its class",
    "C": "cannot be understood",
    "01": "refused",
}

Acknowledge = Callable[[Instance, str], None]


def store(node: Node, instances: Sequence[Instance], acknowledge: Acknowledge) -> None:
    """Send instances by C-STORE and hand on each status as it comes.

    Explicit VR little endian is always offered, and implicit beside it; an object in another transfer syntax goes as
    it is where the archive takes that, and decompressed where it does not.

    Parameters
    ----------
    node : Node
    instances : sequence of Instance
    acknowledge : callable
        Is given the instance and its status, four hexadecimal digits; 0122 also where no context was accepted.

    Raises
    ------
    Broken
        If the connection is lost, or the archive is out of resources; what was acknowledged stays so.
    NetworkError
        If the association is refused.
    """
    for batch in _batches(instances):
        with associated(node, _contexts(batch)) as association:
            for instance in batch:
                acknowledge(instance, _sent(node, association, instance))


def words_of(status: str) -> str:
    """What a status means, for people."""
    if status == NO_CONTEXT:
        return "this kind of object is not taken"
    return next((words for start, words in WORDS.items() if status.startswith(start)), "refused")


def _sent(node: Node, association: Association, instance: Instance) -> str:
    accepted = {
        str(context.transfer_syntax[0])
        for context in association.accepted_contexts
        if context.abstract_syntax == instance.sop_class_uid
    }
    if not accepted:
        return NO_CONTEXT
    try:
        if instance.transfer_syntax in accepted:
            answer = association.send_c_store(instance.path)
        else:
            dataset = dcmread(instance.path)
            if UID(instance.transfer_syntax).is_compressed:
                dataset.decompress()
            answer = association.send_c_store(dataset)
    except RuntimeError as error:  # the association has gone; or no decoder
        if association.is_established:
            raise NetworkError(f"{instance.path.name} cannot be decompressed for {node.name}: {error}") from None
        raise Broken(f"{node.name} broke the association off") from None
    except (ValueError, NotImplementedError, AttributeError) as error:
        raise NetworkError(
            f"{instance.path.name} cannot be sent in a transfer syntax that {node.name} takes: {type(error).__name__}"
        ) from None
    if "Status" not in answer:
        raise Broken(f"{node.name} did not answer within {node.timeout_s:g} s, or the connection was lost")
    status = f"{int(answer.Status):04X}"
    if status.startswith("A7"):
        raise Broken(f"{node.name} is out of resources (status {status})")
    return status


def _batches(instances: Sequence[Instance]) -> Iterable[list[Instance]]:
    """As many instances as the contexts of one association serve."""
    batch: list[Instance] = []
    for instance in instances:
        if len(_contexts([*batch, instance])) > MOST_CONTEXTS:
            yield batch
            batch = []
        batch.append(instance)
    if batch:
        yield batch


def _contexts(instances: Iterable[Instance]) -> list[PresentationContext]:
    """For each class one context of the native syntaxes, and one for each other that its files are in.

    A peer chooses one syntax of a context: those that matter stand in contexts of their own.
    """
    wanted: dict[str, dict[str, None]] = defaultdict(dict)
    for instance in instances:
        wanted[instance.sop_class_uid][instance.transfer_syntax] = None
    found = []
    for sop_class, syntaxes in wanted.items():
        found += [build_context(sop_class, syntax) for syntax in dict.fromkeys((NATIVE[0], *syntaxes))]
        found.append(build_context(sop_class, NATIVE[1]))
    return found
