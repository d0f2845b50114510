using KdPlugins.Core;
using KdPlugins.Sdk;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Authors.Tests.Kit;

// Plugins that draw from libtorch's default generators: as they may, and once per process.

/// <summary>Sound: every step draws the same, whatever process it is in.</summary>
[KdStrategy("drawing-strategy")]
public sealed class DrawingStrategy : MutantStrategy
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context) =>
        [Stage(context, (step, student) => step.Update([student], () => Objective(step) * (1 + rand(1).sum())))];
}

/// <summary>A layer is made in the first step of a process: its weights and what is drawn after them differ by process.</summary>
[KdStrategy("late-head-strategy")]
public sealed class LateHeadStrategy : MutantStrategy
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        Linear? head = null;
        return
        [
            Stage(
                context,
                (step, student) =>
                {
                    head ??= nn.Linear(4, 1);
                    step.Update([student], () => Objective(step) + head.weight.detach().square().sum());
                }
            ),
        ];
    }
}

/// <summary>The same in a static field, which outlives a run: only a new process makes another one.</summary>
[KdStrategy("static-head-strategy")]
public sealed class StaticHeadStrategy : MutantStrategy
{
    private static float? _factor;

    public override IReadOnlyList<Stage> Plan(IPlanContext context) =>
        [
            Stage(
                context,
                (step, student) =>
                {
                    _factor ??= rand(1).item<float>();
                    step.Update([student], () => Objective(step) * (1 + _factor.Value));
                }
            ),
        ];
}

/// <summary>What is drawn is thrown away: only the student's dropout tells.</summary>
[KdStrategy("late-draw-strategy")]
public sealed class LateDrawStrategy : MutantStrategy
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        var isFirst = true;
        return
        [
            Stage(
                context,
                (step, student) =>
                {
                    if (isFirst)
                        rand(1).Dispose();
                    isFirst = false;
                    step.Update([student], () => Objective(step));
                }
            ),
        ];
    }
}

/// <summary>Freezing makes a layer, whose first weights are drawn.</summary>
[KdModel("drawing-net")]
public sealed class DrawingNet : ModelPlugin<NoOptions>
{
    public override INetwork Create(ModelRequest request) => new Net(request);

    private sealed class Net : nn.Module<Tensor, Tensor>, IFreezableNetwork
    {
        private readonly ModelRequest _request;
        private readonly Linear fc;

        internal Net(ModelRequest request)
            : base("drawing-net")
        {
            _request = request;
            fc = nn.Linear(request.InputShape.Aggregate(1L, (a, b) => a * b), request.Classes);
            RegisterComponents();
            Shape = new(request.InputShape, request.Classes, 0, []);
        }

        public nn.Module Module => this;

        public NetworkShape Shape { get; }

        public ModelOutput Forward(Tensor input, Tensor mask, IReadOnlyCollection<string> taps) =>
            new(fc.call(input.flatten(1)), null!, new Dictionary<string, Tensor>());

        public override Tensor forward(Tensor input) => Forward(input, null!, []).Logits;

        public INetwork Freeze(ScalarType dtype)
        {
            var copy = new Net(_request);
            copy.load_state_dict(state_dict());
            return copy;
        }
    }
}
