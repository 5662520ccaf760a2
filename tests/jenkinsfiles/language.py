"""Small pipelines that ask the recorder what it knows of Jenkins: what was cut, skipped, wrapped, and in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .groovy import Scenario

_ALL_CONDITIONS = "\n".join(
    f"{name} {{\n echo '{name}'\n }}"
    for name in (
        "cleanup",
        "unsuccessful",
        "unstable",
        "success",
        "failure",
        "aborted",
        "regression",
        "fixed",
        "changed",
        "always",
    )
)


def _one(
    name: str, body: str, rules: Sequence[Mapping[str, object]] = (), previous: str | None = None, **more: object
) -> Scenario:
    return Scenario(f"language/{name}", body, rules=rules, previous=previous, library={}, **more)  # type: ignore[arg-type]


def _pipeline(steps: str, post: str = "", options: str = "", agent: str = "any") -> str:
    after = f"post {{\n{post}\n}}" if post else ""
    around = f"options {{\n{options}\n}}" if options else ""
    return f"pipeline {{\nagent {agent}\n{around}\nstages {{\nstage('S') {{\nsteps {{\n{steps}\n}}\n}}\n}}\n{after}\n}}"


_MATRIX = """
pipeline {
    agent none
    stages {
        stage('M') {
            matrix {
                axes {
                    axis {
                        name 'A'
                        values '1', '2', '3'
                    }
                    axis {
                        name 'B'
                        values 'x', 'y'
                    }
                }
                excludes {
                    exclude {
                        axis {
                            name 'A'
                            values '1'
                        }
                        axis {
                            name 'B'
                            notValues 'x'
                        }
                    }
                    exclude {
                        axis {
                            name 'A'
                            values '2', '3'
                        }
                        axis {
                            name 'B'
                            values 'x'
                        }
                    }
                }
                agent {
                    label "agent-${A}"
                }
                when {
                    beforeAgent true
                    expression { env.A != '3' }
                }
                options {
                    lock(resource: "${B}")
                }
                stages {
                    stage('One') {
                        steps {
                            sh 'one'
                        }
                    }
                    stage('Two') {
                        steps {
                            sh 'two'
                        }
                    }
                }
                post {
                    cleanup {
                        sh 'clean'
                    }
                }
            }
        }
    }
}
"""

_LIMIT_IN_OPTIONS = """
pipeline {
    agent any
    stages {
        stage('S') {
            options {
                timeout(time: 10, unit: 'MINUTES')
            }
            steps {
                sh 'long'
            }
            post {
                always {
                    sh 'short'
                }
                cleanup {
                    sh 'clean'
                }
            }
        }
    }
    post {
        cleanup {
            sh 'outside'
        }
    }
}
"""

_SEQUENCE = """
pipeline {
    agent any
    options {
        skipStagesAfterUnstable()
    }
    stages {
        stage('One') {
            steps {
                sh 'one'
            }
            post {
                failure {
                    echo 'one failed'
                }
            }
        }
        stage('Two') {
            steps {
                junit 'two.xml'
            }
        }
        stage('Three') {
            steps {
                sh 'three'
            }
        }
    }
    post {
        failure {
            error 'in post'
        }
        cleanup {
            echo 'cleanup'
        }
    }
}
"""

_WHEN = """
pipeline {
    agent none
    stages {
        stage('Not') {
            when {
                %s
                expression { false }
            }
            options {
                lock(resource: 'r')
            }
            agent {
                label 'a'
            }
            steps {
                echo 'never'
            }
            post {
                always {
                    echo 'never'
                }
            }
        }
        stage('Change') {
            when {
                anyOf {
                    changeRequest()
                    branch 'main'
                }
                not {
                    environment name: 'SKIP', value: 'yes'
                }
            }
            steps {
                echo 'change'
            }
        }
    }
}
"""

_PARALLEL = """
pipeline {
    agent any
    stages {
        stage('P') {
            parallel {
                stage('a') {
                    steps {
                        sh 'a'
                    }
                }
                stage('b') {
                    steps {
                        sh 'b'
                    }
                }
            }
        }
    }
}
"""

_SECRETS = """
withCredentials([string(credentialsId: 'id', variable: 'TOKEN')]) {
    sh 'uses $TOKEN'
    sh "tells ${TOKEN}"
    script {
        kept = env.TOKEN
    }
}
script {
    echo "later ${kept}"
}
"""

LONG = [{"step": "sh", "holds": "long", "minutes": 60}]
LANGUAGE = (
    _one("post-success", _pipeline("sh 'x'", _ALL_CONDITIONS)),
    _one("post-fixed", _pipeline("sh 'x'", _ALL_CONDITIONS), previous="FAILURE"),
    _one("post-failure", _pipeline("sh 'x'", _ALL_CONDITIONS), [{"step": "sh", "exit": 1}], "SUCCESS"),
    _one("post-unstable", _pipeline("unstable 'x'", _ALL_CONDITIONS), previous="UNSTABLE"),
    _one("post-aborted", _pipeline("sh 'x'", _ALL_CONDITIONS), [{"step": "sh", "aborted": True}], "SUCCESS"),
    _one("post-timeout", _pipeline("timeout(5) {\nsh 'long'\n}", _ALL_CONDITIONS), LONG),
    _one("post-throws", _pipeline("sh 'x'", "always {\nerror 'x'\n}\nsuccess {\necho 'success'\n}\nunsuccessful {\necho 'unsuccessful'\n}\ncleanup {\necho 'cleanup'\n}")),
    _one("matrix", _MATRIX, [{"step": "sh", "holds": "one", "cell": "2", "exit": 1}]),
    _one("limit-in-options", _LIMIT_IN_OPTIONS, [*LONG, {"step": "sh", "holds": "short", "minutes": 0.5}, {"step": "sh", "holds": "clean", "minutes": 5}]),
    _one("limit-around-a-step", _pipeline("timeout(10) {\nsh 'long'\n}", "cleanup {\nsh 'clean'\n}"), [*LONG, {"step": "sh", "holds": "clean", "minutes": 5}]),
    _one("nested-limits", _pipeline("timeout(10) {\ntimeout(time: 1, unit: 'HOURS') {\nsh 'long'\n}\n}"), [{"step": "sh", "minutes": 600}]),
    _one("no-limit", _pipeline("sh 'long'"), [{"step": "sh", "endless": True}]),
    _one("failure-skips", _SEQUENCE, [{"step": "sh", "holds": "one", "exit": 1}]),
    _one("unstable-skips", _SEQUENCE, [{"step": "junit", "failures": True}]),
    _one("no-results", _SEQUENCE, [{"step": "junit", "missing": True}]),
    _one("when", _WHEN % "", env={"CHANGE_ID": "1"}),
    _one("when-skip", _WHEN % "", env={"BRANCH_NAME": "main", "SKIP": "yes"}),
    _one("when-branch", _WHEN % "beforeOptions true", env={"BRANCH_NAME": "main"}),
    _one("parallel", _PARALLEL, [{"step": "sh", "holds": "a", "minutes": 7, "exit": 2}, {"step": "sh", "holds": "b", "minutes": 3}]),
    _one("catch", _pipeline("catchError(buildResult: 'UNSTABLE') {\nsh 'x'\nsh 'never'\n}\nsh 'after'"), [{"step": "sh", "holds": "x", "exit": 1}]),
    _one("warn", _pipeline("warnError('x') {\nsh 'x'\n}\nsh 'after'"), [{"step": "sh", "holds": "x", "exit": 1}]),
    _one("status", _pipeline("script {\nint code = sh(script: 'x', returnStatus: true)\necho \"code ${code}\"\n}"), [{"step": "sh", "exit": 3}]),
    _one("secrets", _pipeline(_SECRETS)),
    _one("secret-in-environment", "pipeline {\nagent any\nenvironment {\nA = 'a'\nB = \"${A}b\"\nS = credentials('id')\n}\nstages {\nstage('S') {\nsteps {\nsh 'x'\n}\n}\n}\n}"),
    _one("first-build", _pipeline("sh 'x'\necho \"${params.A}\"").replace("agent any", "agent any\nparameters {\nstring(name: 'A', defaultValue: 'a')\n}", 1), first=True),
    _one("no-agent", _pipeline("sh 'x'", agent="none")),
    _one("no-property", _pipeline('echo "${NOTHING}"')),
    _one("no-binding", _pipeline("withCredentials([token('id')]) {\nsh 'x'\n}")),
    _one("no-block", _pipeline("timeout 5")),
    _one("two-values", _pipeline("sh 'a', 'b'")),
)  # fmt: skip

WRONG = {
    "no pipeline": ("node {\nsh 'x'\n}", "there are 0 blocks pipeline"),
    "two": (_pipeline("sh 'x'") + "\n" + _pipeline("sh 'x'"), "there are 2 blocks pipeline"),
    "no agent": ("pipeline {\nstages {\nstage('S') {\nsteps {\nsh 'x'\n}\n}\n}\n}", "pipeline lacks agent"),
    "no stages": ("pipeline {\nagent any\n}", "pipeline lacks stages"),
    "empty stage": ("pipeline {\nagent any\nstages {\nstage('S') {\n}\n}\n}", "one of steps, stages, parallel and matrix"),
    "steps and stages": (_pipeline("sh 'x'").replace("steps {", "stages {\nstage('T') {\nsteps {\necho 'x'\n}\n}\n}\nsteps {"), "one of steps"),
    "no steps": (_pipeline(""), "steps has no steps"),
    "steps of the pipeline": (_pipeline("sh 'x'").replace("agent any", "agent any\nsteps {\nsh 'x'\n}", 1), "steps may not stand in pipeline"),
    "unknown condition": (_pipeline("sh 'x'", "finally {\n}").replace("finally", "ever"), "ever may not stand in post"),
    "empty post": (_pipeline("sh 'x'").replace("stages {", "post {\n}\nstages {", 1), "post is empty"),
    "twice": (_pipeline("sh 'x'").replace("agent any", "agent any\nagent any", 1), "agent stands twice in pipeline"),
    "variable": (_pipeline("def x = 1"), "only steps may stand in steps"),
    "if": (_pipeline("if (true) {\nsh 'x'\n}"), "only steps may stand in steps"),
    "method of something": (_pipeline("env.x()"), "only steps may stand in steps"),
    "deep": (_pipeline("timeout(5) {\nretry(2) {\nint x = 1\n}\n}"), "only steps may stand in retry"),
    "unknown step": (_pipeline("shell 'x'"), "shell is no step"),
    "unknown option": (_pipeline("sh 'x'", options="colour()"), "colour may not stand in options"),
    "statement in environment": (_pipeline("sh 'x'").replace("agent any", "agent any\nenvironment {\nsh 'x'\n}", 1), "only assignments"),
    "post in steps": (_pipeline("post {\nalways {\nsh 'x'\n}\n}"), "post is no step"),
    "axis without a name": (_MATRIX.replace("name 'A'\n                        values '1', '2', '3'", "values '1'"), "axis lacks name"),
    "matrix without axes": (_MATRIX.replace("axes {", "axis {", 1), "axis may not stand in matrix"),
    "syntax": ("pipeline {\nagent any\nstages {", "unexpected token"),
    "unclosed string": (_pipeline("sh 'x"), "expecting"),
}  # fmt: skip
"""What is wrong -> the file, and what is said about it."""
LANGUAGE = (*LANGUAGE, *(_one(f"wrong-{name}", body) for name, (body, _) in WRONG.items()))
