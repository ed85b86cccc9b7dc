"""The policies, as the engine asks them at every preview and every up; a resource that breaks one is not made.

A target that was not chosen is not here, and neither are its rules.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from policies.rule import Rule, StackRule
from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

MODULES = [import_module(f"policies.{name}") for name in ("local", "pods", "cluster") if find_spec(f"policies.{name}")]


def resource_policy(rule: Rule) -> ResourceValidationPolicy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        environment = args.urn.split(":")[2]
        for where in rule.wrong(known(args.props), environment):
            report(where)

    return ResourceValidationPolicy(rule.name, rule.sentence, validate)


def stack_policy(rule: StackRule) -> StackValidationPolicy:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for where in rule.wrong([known(each.props) for each in args.resources]):
            report(where)

    return StackValidationPolicy(rule.name, rule.sentence, validate)


def known(props: Any) -> Any:
    """The properties as plain values; what a preview cannot know yet is None."""
    if isinstance(props, Mapping):
        return {key: _known(props, key) for key in props}
    if isinstance(props, Sequence) and not isinstance(props, str):
        return [_known(props, place) for place in range(len(props))]
    return props


def _known(props: Any, key: Any) -> Any:
    try:
        return known(props[key])
    except UnknownValueError:
        return None


if __name__ == "__main__":
    rules = [rule for module in MODULES for rule in module.RULES]
    stack_rules = [rule for module in MODULES for rule in getattr(module, "STACK_RULES", ())]
    made = [*map(resource_policy, rules), *map(stack_policy, stack_rules)]
    PolicyPack("ml", made, EnforcementLevel.MANDATORY)
