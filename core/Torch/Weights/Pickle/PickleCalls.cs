namespace KdPlugins.Torch.Weights.Pickle;

/// <summary>The three calls that a state dict makes, done here instead of being made.</summary>
internal static class PickleCalls
{
    /// <summary>What the call would have made.</summary>
    public static object? Reduce(object? callable, object? arguments, PickleStack stack)
    {
        if (callable is not GlobalRef global || arguments is not object?[] tuple)
        {
            throw new PickleFault(WeightErrors.PickleInvalid, "something that is no function is called.");
        }
        switch (global.Kind)
        {
            case KnownGlobal.OrderedDict:
                return OrderedDict(tuple, stack);
            case KnownGlobal.RebuildTensor:
                stack.Charge(200);
                return TensorBuilder.Tensor(tuple, stack);
            case KnownGlobal.RebuildParameter:
                return tuple is [TensorRef tensor, _, _]
                    ? tensor
                    : throw new PickleFault(WeightErrors.PickleInvalid, "a parameter must be made from a tensor.");
            default:
                throw new PickleFault(WeightErrors.PickleGlobal, "a storage class is called.");
        }
    }

    /// <summary>Empty, or (from Python 2) made from a list of pairs.</summary>
    private static PickleDict OrderedDict(object?[] arguments, PickleStack stack)
    {
        stack.Charge(PickleDict.EmptyCost);
        var dict = new PickleDict(ordered: true);
        if (arguments is [List<object?> pairs])
        {
            foreach (object? pair in pairs)
            {
                (object? key, object? value) = pair switch
                {
                    List<object?> { Count: 2 } list => (list[0], list[1]),
                    object?[] { Length: 2 } tuple => (tuple[0], tuple[1]),
                    _ => throw new PickleFault(
                        WeightErrors.PickleInvalid,
                        "an ordered dictionary must be made from pairs."
                    ),
                };
                Unpickler.SetOne(stack, dict, key, value);
            }
            return dict;
        }
        return arguments.Length == 0
            ? dict
            : throw new PickleFault(WeightErrors.PickleInvalid, "an ordered dictionary must be made from pairs.");
    }
}
