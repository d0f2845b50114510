using System.Reflection;
using KdPlugins.Core;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Testing;

/// <summary>Looks at the steps of a plan as they are taken: what they train, in which modes, and what they draw themselves.</summary>
internal sealed class StageWatch
{
    private readonly Dictionary<string, HashSet<string>> _problems = [];
    private readonly List<(Stage Stage, List<Watched> Parameters)> _stages = [];

    /// <summary>What was found by a check, in the order it was met.</summary>
    internal IReadOnlyCollection<string> Problems(string check) => _problems.GetValueOrDefault(check, []);

    internal void Tell(string check, string problem)
    {
        if (!_problems.TryGetValue(check, out var all))
            _problems[check] = all = [];
        all.Add(problem);
    }

    /// <summary>The run is over: what no step has changed is told.</summary>
    internal void End()
    {
        foreach (var (stage, parameters) in _stages)
        foreach (var trainable in parameters.GroupBy(p => p.Trainable))
        {
            var idle = trainable.Where(p => !p.HasChanged && !p.IsGiven).Select(p => $"'{p.Name}'").ToList();
            if (trainable.All(p => !p.HasChanged))
                Tell(
                    "stages",
                    $"stage '{stage.Name}' names '{trainable.Key}' among its Trainables and never changes it: no step.Update (nor "
                        + "Apply) of the stage trains it."
                );
            else if (idle.Count > 0)
                Tell(
                    "stages",
                    $"stage '{stage.Name}' trains '{trainable.Key}', and nothing ever reaches its {string.Join(", ", idle.Take(4))}: "
                        + "a head that no objective depends on. Use it, or leave it out."
                );
        }
        foreach (var parameter in _stages.SelectMany(s => s.Parameters))
            parameter.Forget();
        _stages.Clear();
    }

    /// <summary>The plan with steps that are looked at.</summary>
    internal IReadOnlyList<Stage> Around(IPlanContext plan, IReadOnlyList<Stage> stages)
    {
        string[] roles = [.. plan.Roles];
        return [.. stages.Select(s => Around(s, plan, roles))];
    }

    private Stage Around(Stage stage, IPlanContext plan, string[] roles)
    {
        var first = true;
        var watched = new Stage(
            stage.Name,
            stage.Length,
            context =>
            {
                if (first)
                    Begin(stage, plan);
                first = false;
                Step(stage, plan, roles, context, stage.Step);
            }
        );
        foreach (var property in typeof(Stage).GetProperties(BindingFlags.Public | BindingFlags.Instance))
            if (property.CanWrite)
                property.SetValue(watched, property.GetValue(stage));
        if (stage.Begin is { } begin)
            watched.Begin = context => Step(stage, plan, roles, context, begin);
        if (stage.End is { } end)
            watched.End = context => Step(stage, plan, roles, context, end);
        return watched;
    }

    private void Begin(Stage stage, IPlanContext plan)
    {
        var given = plan.Roles.SelectMany(r => plan.Network(r).Module.parameters()).Select(p => p.Handle).ToHashSet();
        _stages.Add(
            (
                stage,
                [
                    .. stage.Trainables.SelectMany(t =>
                        t.Parameters.Select(p => new Watched(t.Name, p.Item1, p.Item2, given.Contains(p.Item2.Handle)))
                    ),
                ]
            )
        );
        foreach (var role in stage.Trains.Intersect(plan.Roles))
            if (!IsIn(stage.Trainables, plan.Network(role).Module))
                Tell(
                    "modes",
                    $"stage '{stage.Name}' has '{role}' in Trains and none of its parameters in Trainables: it answers in training "
                        + "mode, with dropout and the statistics of each batch, and never learns."
                );
    }

    private void Step(Stage stage, IPlanContext plan, string[] roles, IStepContext context, Action<IStepContext> step)
    {
        var fixedRoles = roles
            .Except(stage.Trains)
            .Select(r => (Name: r, plan.Network(r).Module))
            .Where(r => !IsIn(stage.Trainables, r.Module))
            .ToList();
        var before = fixedRoles.ConvertAll(r => Tensors.Copy(r.Module));
        var watch = new StepWatch(this, stage, context);
        step(watch.Context);
        watch.End();
        for (var i = 0; i < fixedRoles.Count; i++)
        {
            var (name, module) = fixedRoles[i];
            if (module.modules().Prepend(module).Any(m => m.training))
                Tell(
                    "modes",
                    $"stage '{stage.Name}' puts '{name}', which it does not train, into training mode. {Modes}"
                );
            else if (Moved(module, before[i]) is { } moved)
                Tell(
                    "modes",
                    $"stage '{stage.Name}' changes the statistics '{moved}' of '{name}', which it does not train. {Modes}"
                );
        }
        foreach (var (_, parameters) in _stages.Where(s => s.Stage == stage))
        foreach (var parameter in parameters)
            parameter.Look();
    }

    private static bool IsIn(IReadOnlyList<Trainable> trainables, nn.Module module)
    {
        var own = module.parameters().Select(p => p.Handle).ToHashSet();
        return trainables.SelectMany(t => t.Parameters).Any(p => own.Contains(p.Item2.Handle));
    }

    // Statistics that move alone move because of the mode; with the weights, they were put in on purpose.
    private static string? Moved(nn.Module module, Dictionary<string, Tensor> before) =>
        module.named_parameters().All(p => Tensors.Same(p.parameter, before[p.name]))
            ? module
                .named_buffers()
                .FirstOrDefault(b => before.TryGetValue(b.name, out var old) && !Tensors.Same(b.buffer, old))
                .name
            : null;

    private const string Modes =
        "Name the role in the stage's Trains and its parameters in Trainables, or leave it alone and ask it by step.Forward: the "
        + "engine sets modes.";

    /// <summary>A parameter, and whether it is still what it was.</summary>
    private sealed class Watched(string trainable, string name, Parameter parameter, bool isGiven)
    {
        private readonly Tensor _before = parameter.detach().clone().DetachFromDisposeScope();

        internal string Trainable => trainable;

        internal string Name => name;

        /// <summary>Whether it is a role's: a method may leave a network's classifier alone, not a part of its own.</summary>
        internal bool IsGiven => isGiven;

        internal bool HasChanged { get; private set; } = !parameter.requires_grad;

        internal void Look()
        {
            if (HasChanged)
                return;
            HasChanged = parameter.IsInvalid || !Tensors.Same(_before, parameter);
            if (HasChanged)
                Forget();
        }

        internal void Forget() => _before.Dispose();
    }
}
