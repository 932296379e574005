// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Contracts of the tests. They trust every caller: who owns what is given as arguments and only written down.

/// Logs anything under the contract's address: variants with other indexed arguments, and logs that nobody can read.
abstract contract AnyLog {
    function logAny(bytes32[] calldata topics, bytes calldata data) external {
        bytes memory bytesOfData = data;
        bytes32[4] memory topic;
        for (uint256 i = 0; i < topics.length; i++) topic[i] = topics[i];
        uint256 count = topics.length;
        assembly {
            let start := add(bytesOfData, 32)
            let size := mload(bytesOfData)
            switch count
            case 0 { log0(start, size) }
            case 1 { log1(start, size, mload(topic)) }
            case 2 { log2(start, size, mload(topic), mload(add(topic, 32))) }
            case 3 { log3(start, size, mload(topic), mload(add(topic, 32)), mload(add(topic, 64))) }
            default { log4(start, size, mload(topic), mload(add(topic, 32)), mload(add(topic, 64)), mload(add(topic, 96))) }
        }
    }
}

/// Standard `batch`: the events of the source document, no argument indexed. Stakes stand in the same contract.
contract PointsNft is AnyLog {
    event BatchMint(address to, uint256 startTokenId, uint256 quantity);
    event BatchBurn(address from, uint256 startTokenId, uint256 quantity);
    event BatchTransfer(address from, address to, uint256 startTokenId, uint256 quantity);
    event Stake(address account, uint256 tokenId);
    event Unstake(address account, uint256 tokenId);

    mapping(uint256 => address) public ownerOf;
    mapping(uint256 => address) public stakerOf;

    function mint(address to, uint256 first, uint256 quantity) public {
        give(to, first, quantity);
        emit BatchMint(to, first, quantity);
    }

    function burn(address from, uint256 first, uint256 quantity) external {
        give(address(0), first, quantity);
        emit BatchBurn(from, first, quantity);
    }

    function transfer(address from, address to, uint256 first, uint256 quantity) public {
        give(to, first, quantity);
        emit BatchTransfer(from, to, first, quantity);
    }

    function stake(address account, uint256 tokenId) public {
        stakerOf[tokenId] = account;
        emit Stake(account, tokenId);
    }

    function unstake(address account, uint256 tokenId) public {
        stakerOf[tokenId] = address(0);
        emit Unstake(account, tokenId);
    }

    /// Custody: the token moves into the contract in the transaction of its stake.
    function stakeInCustody(address account, uint256 tokenId) external {
        transfer(account, address(this), tokenId, 1);
        stake(account, tokenId);
    }

    function unstakeFromCustody(address account, uint256 tokenId) external {
        unstake(account, tokenId);
        transfer(address(this), account, tokenId, 1);
    }

    /// Many events of one token each.
    function mintMany(address to, uint256 first, uint256 count) external {
        for (uint256 i = 0; i < count; i++) mint(to, first + i, 1);
    }

    function transferMany(address from, address to, uint256 first, uint256 count) external {
        for (uint256 i = 0; i < count; i++) transfer(from, to, first + i, 1);
    }

    function stakeMany(address account, uint256 first, uint256 count) external {
        for (uint256 i = 0; i < count; i++) stake(account, first + i);
    }

    function unstakeMany(address account, uint256 first, uint256 count) external {
        for (uint256 i = 0; i < count; i++) unstake(account, first + i);
    }

    function give(address to, uint256 first, uint256 quantity) private {
        for (uint256 i = 0; i < quantity; i++) ownerOf[first + i] = to;
    }
}

/// Standard `erc721`, with ERC-2309.
contract Collection is AnyLog {
    event Transfer(address indexed from, address indexed to, uint256 indexed tokenId);
    event ConsecutiveTransfer(
        uint256 indexed fromTokenId,
        uint256 toTokenId,
        address indexed fromAddress,
        address indexed toAddress
    );

    mapping(uint256 => address) public ownerOf;

    function mint(address to, uint256 tokenId) public {
        transferFrom(address(0), to, tokenId);
    }

    function burn(address from, uint256 tokenId) external {
        transferFrom(from, address(0), tokenId);
    }

    function transferFrom(address from, address to, uint256 tokenId) public {
        ownerOf[tokenId] = to;
        emit Transfer(from, to, tokenId);
    }

    function transferRange(address from, address to, uint256 first, uint256 last) external {
        for (uint256 tokenId = first; tokenId <= last; tokenId++) ownerOf[tokenId] = to;
        emit ConsecutiveTransfer(first, last, from, to);
    }

    function mintMany(address to, uint256 first, uint256 count) external {
        for (uint256 i = 0; i < count; i++) mint(to, first + i);
    }

    function transferMany(address from, address to, uint256 first, uint256 count) external {
        for (uint256 i = 0; i < count; i++) transferFrom(from, to, first + i);
    }
}

/// Standard `batch`: stakes of a collection's tokens, which move into this contract.
contract Staking is AnyLog {
    event Stake(address account, uint256 tokenId);
    event Unstake(address account, uint256 tokenId);

    Collection public immutable token;

    constructor(Collection staked) {
        token = staked;
    }

    function stake(address account, uint256 tokenId) external {
        token.transferFrom(account, address(this), tokenId);
        emit Stake(account, tokenId);
    }

    function unstake(address account, uint256 tokenId) external {
        emit Unstake(account, tokenId);
        token.transferFrom(address(this), account, tokenId);
    }
}

/// Standard `erc1155`.
contract Items is AnyLog {
    event TransferSingle(address indexed operator, address indexed from, address indexed to, uint256 id, uint256 value);
    event TransferBatch(
        address indexed operator,
        address indexed from,
        address indexed to,
        uint256[] ids,
        uint256[] values
    );

    mapping(uint256 => mapping(address => uint256)) public balanceOf;

    function transfer(address from, address to, uint256 id, uint256 value) external {
        move(from, to, id, value);
        emit TransferSingle(msg.sender, from, to, id, value);
    }

    function transferBatch(address from, address to, uint256[] calldata ids, uint256[] calldata values) external {
        for (uint256 i = 0; i < ids.length; i++) move(from, to, ids[i], values[i]);
        emit TransferBatch(msg.sender, from, to, ids, values);
    }

    function move(address from, address to, uint256 id, uint256 value) private {
        if (from != address(0)) balanceOf[id][from] -= value;
        if (to != address(0)) balanceOf[id][to] += value;
    }
}

/// Standard `erc20`.
contract Coin is AnyLog {
    event Transfer(address indexed from, address indexed to, uint256 value);

    mapping(address => uint256) public balanceOf;

    function transfer(address from, address to, uint256 value) external {
        if (from != address(0)) balanceOf[from] -= value;
        if (to != address(0)) balanceOf[to] += value;
        emit Transfer(from, to, value);
    }
}
