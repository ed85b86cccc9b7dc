// Reads a declarative Jenkinsfile as Groovy does and prints it as JSON: {name, args, inside}. What the grammar of declarative
// pipelines does not have at a place is refused with exit code 1. Only what our pipelines use is known. The second argument,
// JSON, holds the variables and parameters of some runs, by name; the same names hold what is printed for each.
import groovy.json.JsonOutput

class Known {
    static List steps = ['sh', 'input', 'script', 'catchError', 'stash', 'unstash', 'archiveArtifacts', 'milestone']
    static List conditions = ['changeRequest', 'branch', 'not', 'triggeredBy', 'expression']
    static Map inside = [
        '': ['pipeline'],
        pipeline: ['agent', 'options', 'triggers', 'parameters', 'environment', 'stages'],
        stages: ['stage'],
        stage: ['agent', 'options', 'environment', 'when', 'steps', 'stages'],
        agent: ['label'],
        options: ['timeout', 'lock'],
        triggers: ['cron'],
        parameters: ['choice', 'string'],
        environment: ['credentials'],
        when: conditions, not: conditions, expression: [],
        steps: steps, script: steps, catchError: steps,
    ]
}

class Recorder {
    static Map given = [:]
    String place
    List nodes = []
    Map variables = [:]
    Map env = given
    Map params = [:].withDefault { given[it] ?: "\${params.${it}}".toString() }

    def call(String name, args) {
        if (!(name in Known.inside[place])) throw new IllegalArgumentException("'${name}' has no place in '${place}'")
        def given = args as List
        def node = [name: name, args: given.findAll { !(it instanceof Closure) }.collect { plain(it) }, inside: []]
        nodes << node
        def body = given.find { it instanceof Closure }
        if (body) {
            def within = new Recorder(place: name)
            body = body.rehydrate(within, within, within)
            body.resolveStrategy = Closure.DELEGATE_ONLY
            def value = body()
            if (name == 'expression') node.value = value as Boolean
            node.inside = within.nodes
            if (within.variables) node.variables = within.variables
        }
        return name == 'credentials' ? "credentials ${given[0]}" : ''
    }

    static plain(value) {
        value instanceof Map ? value.collectEntries { k, v -> [k, plain(v)] } : value instanceof Number || value instanceof Boolean ? value : value as String
    }

    def invokeMethod(String name, args) { call(name, args) }
    def propertyMissing(String name) { name == 'none' ? 'none' : { throw new MissingPropertyException(name, Recorder) }() }
    def propertyMissing(String name, value) {
        if (place != 'environment') throw new IllegalArgumentException("'${name} =' has no place in '${place}'")
        variables[name] = value as String
    }
}

def check(node) {
    if (node.name == 'stage') {
        def does = node.inside.count { it.name in ['steps', 'stages'] }
        if (does != 1) throw new IllegalArgumentException("stage ${node.args} needs steps or stages, once")
    }
    node.inside.each { check(it) }
}

def read(String file, Map given) {
    Recorder.given = given
    def root = new Recorder(place: '')
    def script = new GroovyShell().parse(new File(file))
    script.metaClass.methodMissing = { String name, words -> root.call(name, words) }
    script.run()
    root.nodes.each { check(it) }
    root.nodes[0]
}

try {
    def runs = new groovy.json.JsonSlurper().parseText(args[1])
    println JsonOutput.toJson(runs.collectEntries { name, given -> [name, read(args[0], given)] })
} catch (IllegalArgumentException | MissingPropertyException | org.codehaus.groovy.control.CompilationFailedException problem) {
    println "${args[0]}: ${problem.message}"
    System.exit(1)
}
