using Microsoft.CodeAnalysis;

namespace KdPlugins.Sdk.Analyzers;

/// <summary>Every rule: what is wrong, and in the message what to do.</summary>
internal static class Rules
{
    internal static readonly DiagnosticDescriptor WrongBase = Rule(
        1,
        "A plugin's attribute and base class do not match",
        "'{0}' carries [{1}] and is no {2}: the host could not use it. Derive it from {3}<TOptions>.",
        "MEF exports the class under the contract that the attribute names, whether the class implements it or not."
    );

    internal static readonly DiagnosticDescriptor SeveralAttributes = Rule(
        2,
        "A class is more than one plugin",
        "'{0}' carries {1} attributes of the SDK; MEF would merge them. Make one class of each plugin.",
        "The metadata of two export attributes on one class are merged into arrays, and the host refuses the class."
    );

    internal static readonly DiagnosticDescriptor NotVisible = Rule(
        3,
        "MEF passes over the class",
        "'{0}' is {1}: MEF passes over it without a word. Make it a public class that is neither abstract nor generic.",
        "Only public, concrete, closed classes are parts."
    );

    internal static readonly DiagnosticDescriptor NoConstructor = Rule(
        4,
        "MEF cannot make the class",
        "'{0}' {1}. Give it a public constructor without parameters; options arrive by Options.",
        "MEF takes the one constructor that is marked [ImportingConstructor], else the public one without parameters."
    );

    internal static readonly DiagnosticDescriptor NoSetter = Rule(
        5,
        "An import is never set",
        "Property '{0}' is imported and has no public setter: MEF skips it without a word. Give it 'set', not 'private set' or 'init' of a non-public property.",
        "Property imports need a public property with a public setter."
    );

    internal static readonly DiagnosticDescriptor NotMany = Rule(
        6,
        "[ImportMany] needs a collection",
        "'{0}' is marked [ImportMany] and is a {1}. Make it an array, IEnumerable<T>, IList<T> or ICollection<T>.",
        "Anything that is not one of the four collections is not filled."
    );

    internal static readonly DiagnosticDescriptor OtherMef = Rule(
        7,
        "An attribute of the other MEF",
        "'{0}' belongs to System.ComponentModel.Composition, which the host does not read. Use System.Composition, or the SDK's attributes.",
        "The two generations of MEF have attributes of the same names in different namespaces."
    );

    internal static readonly DiagnosticDescriptor InterfaceView = Rule(
        8,
        "A metadata view has to be a class",
        "The metadata view '{0}' is {1}: composing throws. Make it a class with a public parameterless constructor and public setters.",
        "System.Composition makes no proxies for interfaces, as MEF's first generation did."
    );

    internal static readonly DiagnosticDescriptor DerivedMetadata = Rule(
        9,
        "A derived metadata attribute loses its base's values",
        "'{0}' derives from '{1}', whose properties MEF does not read there. Declare them on '{0}' itself.",
        "Only properties that the attribute's own type declares become metadata."
    );

    internal static readonly DiagnosticDescriptor BadIdentity = Rule(
        10,
        "A plugin's id or version cannot be used",
        "'{0}' {1}",
        "Ids are kebab-case, such as mosaic-kd; versions are major.minor.patch."
    );

    internal static readonly DiagnosticDescriptor AmbientRandom = Rule(
        11,
        "Random numbers from outside of the run's streams",
        "'{0}' draws from state that other code shares, so that a resumed run would differ. Draw from context.Random: NewGenerator and 'generator:' for tensors, SeededRandom for numbers.",
        "Everything that is drawn follows from the key that the context gives; then nothing has to be saved."
    );

    internal static readonly DiagnosticDescriptor LoopTensor = Rule(
        12,
        "A tensor lives longer than the turn of its loop",
        "{0}: a tensor is made anew in every turn of the loop and lives until the step ends. Open 'using var scope = NewDisposeScope()' inside of the loop and move out what stays (MoveToOuterDisposeScope), or declare it with 'using'.",
        "The engine frees tensors when a step ends; a loop inside of a step piles them up until then."
    );

    internal static readonly DiagnosticDescriptor PinsContext = Rule(
        13,
        "The plugin could not be unloaded any more",
        "'{0}' caches plugin types for ever, so that the plugin cannot be unloaded. {1}",
        "Serialisation by reflection, Validator and TypeDescriptor keep static caches by type."
    );

    internal static readonly DiagnosticDescriptor TwoNames = Rule(
        14,
        "A module is registered under two names",
        "'{0}' is held by a container of this module too: RegisterComponents registers it twice, so that its tensors have two names, and files of published weights, which have one, do not load. Leave it in the container, and read it from there (container[0]) or from a property without a field.",
        "RegisterComponents takes every field that holds a module, private ones too, beside what containers hold."
    );

    internal static readonly DiagnosticDescriptor NoAttribute = Rule(
        15,
        "A plugin class without its attribute",
        "'{0}' is a {1} and carries no [{2}(\"my-id\")]: no host finds it. Add the attribute, or make the class abstract or private where it is a part of another one.",
        "The host finds plugins by the attributes of the SDK, not by their base class."
    );

    internal static readonly DiagnosticDescriptor OtherThread = Rule(
        16,
        "Work of a step that the engine does not wait for",
        "{0}: the engine goes on when the step returns, and its scopes and random streams belong to the step's thread; what comes later is lost or ends the run. Do the work in the step itself; libtorch uses all cores.",
        "Steps, losses, augmentations and generators are called on one thread, and are done when they return."
    );

    internal static readonly DiagnosticDescriptor Unguarded = Rule(
        17,
        "A mistake in shapes would end the process",
        "TorchSharp's {0} ends the whole process where shapes or dtypes do not fit, past every catch. Call TorchOps.{0} of KdPlugins.Torch: the same function, with an error that names both shapes (mm and bmm are safe too).",
        "The native half of TorchSharp catches nothing in these functions; no run, and no service, survives them."
    );

    internal static readonly DiagnosticDescriptor BrokenParts = Rule(
        18,
        "A module that TorchSharp cannot move, convert or register",
        "{0}.",
        "TorchSharp converts modules by reflection over their properties' names, and registers containers by their owner."
    );

    internal static readonly DiagnosticDescriptor Clock = Rule(
        19,
        "A clock within a step",
        "'{0}' reads a clock: what follows from it differs by machine and in a resumed run. Take context.Progress for time within the run, and leave durations to the engine, which measures every step.",
        "A step depends on its context alone; then it can be repeated and resumed bit for bit."
    );

    private static DiagnosticDescriptor Rule(int number, string title, string message, string description) =>
        new(
            $"KDA{number:0000}",
            title,
            message,
            "KdPlugins",
            DiagnosticSeverity.Warning,
            isEnabledByDefault: true,
            description
        );
}
